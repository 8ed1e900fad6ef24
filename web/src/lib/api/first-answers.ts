/**
 * Answers that came with the page (docs/design/first-answers.md): each is good once, and for the first moments
 * alone; then the server is asked.
 */
const GOOD_FOR_MS = 20_000;

function read(): Record<string, unknown> {
  const element = document.getElementById('first-answers');
  element?.remove();
  try {
    return JSON.parse(element?.textContent ?? '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
}

let answers: Record<string, unknown> | null = null;

/** The answer to a call of the API, by its address below `root`; `null`: it didn't come with the page. */
export function firstAnswer({ method, url }: Request, root: string): Response | null {
  answers ??= read();
  // Who changes something, or signs out, asks anew from then on.
  if (method !== 'GET' || performance.now() > GOOD_FOR_MS) answers = {};
  const call = url.startsWith(root) ? url.slice(root.length) : url;
  const answer = answers[call];
  if (answer === undefined) return null;
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- ours, and made a line above
  delete answers[call];
  return Response.json(answer);
}
