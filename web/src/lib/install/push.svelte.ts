/**
 * Web Push in this browser: what can be done about it, done. The server's word is asked anew each time:
 * what the browser holds and the server doesn't know would be silence that looks like being told.
 */
import { explain } from '../api/problem';
import { settingsApi } from '../api/settings';
import { recall, remember } from '../preferences';
import { serviceWorker } from './worker';

export type PushState =
  | 'looking'
  /** Plain http: browsers offer nothing there. */
  | 'insecure'
  | 'unable'
  /** The person said no, and only their browser's settings take that back. */
  | 'denied'
  | 'off'
  | 'on';

export class PushSwitch {
  state = $state<PushState>('looking');
  busy = $state(false);
  trouble = $state<string | null>(null);

  constructor(private readonly username: string) {}

  /** What is the case now; a subscription that the browser has is told to the server again. */
  async look(key: string): Promise<void> {
    await this.#attempt(async () => {
      if (!isSecureContext) this.state = 'insecure';
      else if (!canPush()) this.state = 'unable';
      else if (Notification.permission === 'denied') this.state = 'denied';
      else {
        const subscription = await (await serviceWorker()).pushManager.getSubscription();
        if (subscription && hasKey(subscription, key)) {
          await tell(subscription, this.username);
          this.state = 'on';
        } else {
          // Made for a key that the server no longer has: nothing would arrive.
          await subscription?.unsubscribe();
          this.state = 'off';
        }
      }
    });
    if (this.state === 'looking') this.state = 'off';
  }

  /** To be called by a press: browsers ask for permission then only. */
  async turnOn(key: string): Promise<void> {
    await this.#attempt(async () => {
      const permission = await Notification.requestPermission();
      if (permission === 'denied') this.state = 'denied';
      if (permission !== 'granted') return;
      const { pushManager } = await serviceWorker();
      const subscription = await pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: key,
      });
      try {
        await tell(subscription, this.username);
      } catch (error) {
        await subscription.unsubscribe();
        throw error;
      }
      this.state = 'on';
    });
  }

  async turnOff(): Promise<void> {
    await this.#attempt(async () => {
      const subscription = await (await serviceWorker()).pushManager.getSubscription();
      if (subscription) {
        // The server first: the other way round, a failure would leave it pushing to nobody.
        await settingsApi.unsubscribe(subscription.endpoint);
        await subscription.unsubscribe();
      }
      this.state = 'off';
    });
  }

  async #attempt(deed: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.trouble = null;
    try {
      await deed();
    } catch (error) {
      this.trouble =
        error instanceof DOMException
          ? `This browser’s push service refused: ${error.message}. Some browsers switch it off, and some networks block it.`
          : explain(error);
    } finally {
      this.busy = false;
    }
  }
}

const TOLD = 'push-told';
const DAY_MS = 86_400_000;

/**
 * Once a day, for who is signed in: the server is told of this browser again, whose address the push service may have
 * changed, and which is forgotten where a provider's word is old. Nothing is asked of anybody.
 */
export async function keepPushes(username: string): Promise<void> {
  if (!isSecureContext || !canPush() || Notification.permission !== 'granted') return;
  const told = parseTold(recall(TOLD));
  if (told?.username === username && told.day === today()) return;
  const { pushManager } = await serviceWorker();
  const held = await pushManager.getSubscription();
  if (!held) return;
  // It was somebody else's, who didn't sign out: the next person asked for nothing.
  if (told && told.username !== username) {
    await stopPushes();
    return;
  }
  const key = await settingsApi.pushKey();
  let subscription = held;
  if (!hasKey(held, key)) {
    await held.unsubscribe();
    const asked = { userVisibleOnly: true, applicationServerKey: key };
    subscription = await pushManager.subscribe(asked);
  }
  await tell(subscription, username);
}

function parseTold(text: string | null): { username: string; day: number } | null {
  try {
    return JSON.parse(text ?? 'null') as { username: string; day: number } | null;
  } catch {
    return null;
  }
}

/** Whoever signs out isn't told any more on this device, which the next person may hold. */
export async function stopPushes(): Promise<void> {
  if (!isSecureContext || !canPush()) return;
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  remember(TOLD, null);
  if (!subscription) return;
  // The server's side goes where it may be asked: the browser's is what counts.
  await settingsApi.unsubscribe(subscription.endpoint).catch(() => undefined);
  await subscription.unsubscribe();
}

const canPush = () =>
  'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

const today = () => Math.floor(Date.now() / DAY_MS);

async function tell(subscription: PushSubscription, username: string): Promise<void> {
  const { endpoint, keys } = subscription.toJSON();
  await settingsApi.subscribe(endpoint ?? '', keys?.['p256dh'] ?? '', keys?.['auth'] ?? '');
  remember(TOLD, JSON.stringify({ username, day: today() }));
}

function hasKey(subscription: PushSubscription, key: string): boolean {
  const held = subscription.options.applicationServerKey;
  if (held === null) return true; // not told: taken as ours
  const bytes = String.fromCharCode(...new Uint8Array(held));
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') === key;
}
