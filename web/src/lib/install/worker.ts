/** The service worker, from the page's side. Without https there is none, and nothing depends on it. */
import { basePath } from '../base';
import { Unreachable } from '../api/problem';

const READY_WITHIN_MS = 10_000;

const canWork = () => import.meta.env.PROD && isSecureContext && 'serviceWorker' in navigator;

export async function register(): Promise<void> {
  if (!canWork()) return;
  try {
    // `none`: the HTTP cache never stands between us and a newer worker.
    await navigator.serviceWorker.register(`${basePath()}sw.js`, {
      scope: basePath(),
      updateViaCache: 'none',
    });
  } catch {
    // Refused by the browser (private mode, a full disk): the app works without it.
  }
}

/** Rejects where none comes: a wait for it always ends. */
export async function serviceWorker(): Promise<ServiceWorkerRegistration> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const give = () => reject(new Unreachable('The service worker did not start.'));
    timer = setTimeout(give, READY_WITHIN_MS);
  });
  try {
    return await Promise.race([navigator.serviceWorker.ready, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A newer worker is looked for; its files are then there before they are wanted. */
export async function refreshWorker(): Promise<void> {
  if (!canWork()) return;
  const registration = await navigator.serviceWorker.getRegistration(basePath());
  await registration?.update();
}

/** What the worker asks of an open page: to show what a notification was about. */
export function onOpen(show: (path: string) => void): () => void {
  if (!('serviceWorker' in navigator)) return () => undefined;
  const listen = (message: MessageEvent<unknown>) => {
    const { data } = message;
    if (typeof data !== 'object' || data === null) return;
    const { open } = data as { open?: unknown };
    if (typeof open === 'string') show(open);
  };
  navigator.serviceWorker.addEventListener('message', listen);
  return () => navigator.serviceWorker.removeEventListener('message', listen);
}
