/**
 * Sign-in by an OpenID Connect provider, as the browser sees it: it leaves for the provider and
 * comes back to where it was, signed in or with `sign_in=` in the address, which says why not.
 *
 * Sessions of such people are short. When one ends, the page asks the provider again without a
 * question; only where that fails does anybody see the sign-in page.
 */
import type { Session } from './api/types';
import { recall, remember } from './preferences';

export type Outcome =
  | 'denied'
  | 'not_allowed'
  | 'unverified'
  | 'disabled'
  | 'password'
  | 'expired'
  | 'failed'
  | 'unavailable'
  | 'ended';

const PARAMETER = 'sign_in';
/** Whom the provider vouched for here last. */
const VOUCHED = 'vouched';
const TRIED = 'camtrail.renewed';
/** A renewal that brought nothing is not tried again for so long: no page may go in circles. */
const AGAIN_AFTER_MS = 60_000;

/** Another account of the provider's may do better; the same one would be refused again. */
const ANOTHER_ACCOUNT: readonly Outcome[] = ['not_allowed', 'unverified', 'disabled', 'password'];

/** What a person is told; `name` is what people call the provider. `null`: an ended session is told elsewhere. */
export function explain(outcome: Outcome, name: string): string | null {
  switch (outcome) {
    case 'denied':
      return `The sign-in with ${name} was cancelled.`;
    case 'not_allowed':
      return 'This account may not sign in here. Choose another one, or ask whoever runs this Camtrail to allow its address.';
    case 'unverified':
      return `The e-mail address of this account is not verified. Verify it at ${name}, then try again.`;
    case 'disabled':
      return 'This account is locked out here. Ask whoever runs this Camtrail.';
    case 'password':
      return 'There is a user of this name with a password here. Sign in with that password.';
    case 'expired':
      return 'That sign-in took too long, or was begun in another window. Try again.';
    case 'failed':
      return `The answer of ${name} could not be trusted, so it was refused. Try again; the server’s log says why.`;
    case 'unavailable':
      return `${name} can’t be asked right now. Try again in a moment, or sign in with a password.`;
    case 'ended':
      return null;
  }
}

const OUTCOMES: readonly string[] = [
  ...ANOTHER_ACCOUNT,
  'denied',
  'expired',
  'failed',
  'unavailable',
  'ended',
];

/** The outcome in an address, and the address without it. Pure. */
export function readOutcome(search: string): { outcome: Outcome | null; search: string } {
  const parts = search.replace(/^\?/, '').split('&');
  const rest = parts.filter((part) => part !== '' && !part.startsWith(`${PARAMETER}=`));
  const found = new URLSearchParams(search).get(PARAMETER);
  return {
    outcome: found !== null && OUTCOMES.includes(found) ? (found as Outcome) : null,
    search: rest.length > 0 ? `?${rest.join('&')}` : '',
  };
}

/** How the last sign-in ended; once, for the address forgets it. */
export function takeOutcome(): Outcome | null {
  const { outcome, search } = readOutcome(location.search);
  if (search !== location.search) {
    history.replaceState(history.state, '', location.pathname + search);
  }
  // The provider would have to ask something: no renewal behind anybody's back.
  if (outcome) remember(VOUCHED, null);
  return outcome;
}

/** Where "Continue with …" leads: relative to the base, as the API says. */
export function startUrl(start: string, after: Outcome | null = null): string {
  const choose = after && ANOTHER_ACCOUNT.includes(after) ? '&choose=1' : '';
  return `./${start}?return_to=${encodeURIComponent(here())}${choose}`;
}

const here = () => location.pathname + location.search;

/** Remembers who may be renewed. */
export function noteSession(session: Session | null): void {
  remember(VOUCHED, session?.by_provider ? session.username : null);
}

/** Leaves for the provider, without a question; false: there is nobody to renew, or it was just tried. */
export function renew(): boolean {
  const username = recall(VOUCHED);
  if (username === null || wasTried()) return false;
  const query = `silent=1&hint=${encodeURIComponent(username)}&return_to=${encodeURIComponent(here())}`;
  location.replace(new URL(`./auth/oidc/start?${query}`, document.baseURI));
  return true;
}

function wasTried(): boolean {
  try {
    const last = Number(sessionStorage.getItem(TRIED) ?? 0);
    sessionStorage.setItem(TRIED, String(Date.now()));
    return Date.now() - last < AGAIN_AFTER_MS;
  } catch {
    return true; // nothing can be remembered: better a sign-in page than a circle
  }
}
