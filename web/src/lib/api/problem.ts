/** What can go wrong with a call, sorted by what the person or the app can do about it. */

/** The server answered, and said no. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string | null,
    readonly retryAfterSeconds: number | null,
    /** Where a walk that found nothing yet goes on. */
    readonly nextCursor: string | null = null,
  ) {
    super(detail ?? title);
  }
}

/** No answer at all: offline, server down, or too slow. Worth another try. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** Somebody else was faster: found before anything was sent, told in words of its own. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
}

/** Reads an RFC 9457 problem; a proxy's HTML error page becomes a plain title. */
export function toApiError(response: Response, body: unknown): ApiError {
  const problem =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (key: string) => (typeof problem[key] === 'string' ? problem[key] : null);
  return new ApiError(
    response.status,
    text('title') ?? (response.statusText || `Error ${response.status}`),
    text('detail'),
    retryAfterSeconds(response.headers.get('Retry-After'), Date.now()),
    text('next_cursor'),
  );
}

/** `Retry-After` is seconds or an HTTP date. */
export function retryAfterSeconds(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds));
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? null : Math.max(0, Math.ceil((dateMs - nowMs) / 1000));
}

/** Another try may help: no answer, or the server's own trouble. A refusal stays a refusal. */
export function isWorthRetrying(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof ApiError && error.status >= 500);
}

export const isStatus = (error: unknown, status: number): boolean =>
  error instanceof ApiError && error.status === status;

/** What went wrong, for the person at the screen. */
export function explain(error: unknown): string {
  if (error instanceof Conflict) return error.message;
  return error instanceof ApiError
    ? (error.detail ?? error.title)
    : 'The server did not answer. What is stored there is not affected.';
}
