/**
 * The service worker. Promises: a document always comes from the server, never from here, so an old app can't
 * live on (NEVER-38); where no server answers, a page says so; an open page finds the files that it was
 * built with, also after the server was updated. Keeps nothing of a person: no answer of the API, no media.
 *
 * It stands alone, without imports: a classic script at the base path, which is its scope.
 */
const worker = self as unknown as ServiceWorkerGlobalScope;
/** Put in by the build: its name, which is a hash of what it holds, and the files of `assets/`. */
declare const __BUILD__: { id: string; assets: string[] };

const BUILD = __BUILD__;
const CACHE = `camtrail-${BUILD.id}`;
/** The build that runs and the one before, which other tabs may still show. */
const BUILDS_KEPT = 2;
const OFFLINE_PAGE = 'offline.html';
const OFFLINE_PARTS = ['offline.css', 'offline.js', 'theme.js', 'favicon.svg'];
/** Behind a proxy that has lost its server: its page is a dead end, ours comes back by itself. */
const AWAY = new Set([502, 503, 504]);

const scope = new URL(worker.registration.scope);
const within = (path: string) => new URL(path, scope).href;

worker.addEventListener('install', (event) => {
  event.waitUntil(fill().then(() => worker.skipWaiting()));
});

/** Pages that are open go on with their own files; there is nothing to wait for. */
worker.addEventListener('activate', (event) => {
  event.waitUntil(forgetOld().then(() => worker.clients.claim()));
});

async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([...OFFLINE_PARTS, ...BUILD.assets].map(within));
  // It is shown at any address: what it needs is found by its base.
  const page = await fetch(within(OFFLINE_PAGE), { cache: 'no-store' });
  if (!page.ok) throw new Error(`${OFFLINE_PAGE}: found status ${page.status}, expected 200`);
  const html = (await page.text()).replace('<head>', `<head><base href="${scope.pathname}">`);
  await cache.put(within(OFFLINE_PAGE), new Response(html, { headers: page.headers }));
}

async function forgetOld(): Promise<void> {
  const ours = (await caches.keys()).filter((name) => name.startsWith('camtrail-'));
  // In the order in which they were made.
  const old = ours.filter((name) => name !== CACHE).slice(0, -(BUILDS_KEPT - 1));
  await Promise.all(old.map((name) => caches.delete(name)));
}

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.origin) return;
  if (!url.pathname.startsWith(scope.pathname)) return;
  const path = url.pathname.slice(scope.pathname.length);
  if (request.mode === 'navigate') {
    // The server's own pages say themselves what is wrong.
    if (!/^(api|auth|s|docs|metrics)(\/|$)/.test(path)) event.respondWith(document_(request));
  } else if (path.startsWith('assets/')) event.respondWith(asset(request));
  else if (OFFLINE_PARTS.includes(path)) event.respondWith(part(request));
});

async function document_(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (!AWAY.has(response.status)) return response;
  } catch {
    // No answer: told below.
  }
  return (await caches.match(within(OFFLINE_PAGE))) ?? Response.error();
}

/** A hash in the name: the same name is the same file. */
async function asset(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

/** Without a hash: the server's first, ours where there is none. */
async function part(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (!AWAY.has(response.status)) return response;
  } catch {
    // No answer: ours, below.
  }
  return (await caches.match(request)) ?? Response.error();
}

interface Push {
  title?: string;
  body?: string;
  tag?: string;
  kind?: string;
  event?: string | null;
}

worker.addEventListener('push', (event) => {
  let told: Push;
  try {
    told = (event.data?.json() ?? {}) as Push;
  } catch {
    told = {};
  }
  const options = {
    body: told.body ?? '',
    icon: within('icon-192.png'),
    badge: within('favicon.svg'),
    // One a camera: the newest takes the place of the one before, and rings again if it is a new run.
    ...(told.tag !== undefined && { tag: told.tag, renotify: told.kind === 'event' }),
    data: { path: told.event != null ? `./event/${encodeURIComponent(told.event)}` : './' },
  };
  // Browsers show a word of their own, and take the permission away, where a push shows nothing.
  event.waitUntil(worker.registration.showNotification(told.title ?? 'Camtrail', options));
});

/** The push service gave this browser another address: the server is told, for the person whose session it has. */
worker.addEventListener('pushsubscriptionchange', (event) => {
  const change = event as ExtendableEvent & {
    oldSubscription?: PushSubscription | null;
    newSubscription?: PushSubscription | null;
  };
  change.waitUntil(resubscribe(change.oldSubscription ?? null, change.newSubscription ?? null));
});

async function resubscribe(
  old: PushSubscription | null,
  given: PushSubscription | null,
): Promise<void> {
  const { pushManager } = worker.registration;
  const now =
    given ??
    (await pushManager.getSubscription()) ??
    (old && (await pushManager.subscribe(old.options)));
  if (!now) return; // the app tells of one when it is opened
  const { endpoint, keys } = now.toJSON();
  await fetch(within('api/v1/push/subscriptions'), {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', 'X-Camtrail': '1' },
    body: JSON.stringify({ endpoint, keys: { p256dh: keys?.['p256dh'], auth: keys?.['auth'] } }),
  });
}

/** Never an address out of the message: only an event of this server is opened. */
worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { path } = event.notification.data as { path: string };
  event.waitUntil(show(path));
});

async function show(path: string): Promise<void> {
  const pages = await worker.clients.matchAll({ type: 'window' });
  const page = pages.find(({ url }) => url.startsWith(scope.href));
  if (!page) {
    await worker.clients.openWindow(within(path));
    return;
  }
  await page.focus();
  page.postMessage({ open: path });
}
