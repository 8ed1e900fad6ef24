/**
 * History routing under any base path: plain links are taken over, the back button works, and
 * each history entry remembers how far it was scrolled.
 */
import { basePath } from './base';
import { parseRoute, type Route } from './route';

interface EntryState {
  scrollY?: number;
  /** An entry of ours lies before this one, so "back" stays inside the app. */
  inside?: boolean;
}

class Router {
  route = $state.raw<Route>(parseRoute(location.pathname, location.search, basePath()));
  /** Where the current entry was scrolled to when it was left; 0 for a new one. */
  restoredScrollY = $state(0);

  start(): () => void {
    history.scrollRestoration = 'manual';
    this.restoredScrollY = entryState().scrollY ?? 0;
    const onPop = () => {
      this.restoredScrollY = entryState().scrollY ?? 0;
      this.#read();
    };
    // The entry that is being left has to be told its scroll before the browser switches.
    const onScrollEnd = debounce(() => this.#rememberScroll(), 150);
    addEventListener('popstate', onPop);
    addEventListener('scroll', onScrollEnd, { passive: true });
    document.addEventListener('click', this.#onClick);
    return () => {
      removeEventListener('popstate', onPop);
      removeEventListener('scroll', onScrollEnd);
      document.removeEventListener('click', this.#onClick);
    };
  }

  /** `target` is relative to the base. Replacing keeps the entry's way back. */
  go(target: string, options: { replace?: boolean } = {}): void {
    const url = new URL(target, document.baseURI);
    if (options.replace) {
      const { inside } = entryState();
      history.replaceState({ inside: inside ?? false } satisfies EntryState, '', url);
    } else {
      this.#rememberScroll();
      history.pushState({ inside: true } satisfies EntryState, '', url);
    }
    this.restoredScrollY = 0;
    this.#read();
  }

  /** Back if that stays in the app, else on to `fallback`. */
  back(fallback: string): void {
    if (entryState().inside) history.back();
    else this.go(fallback, { replace: true });
  }

  #read(): void {
    this.route = parseRoute(location.pathname, location.search, basePath());
  }

  #rememberScroll(): void {
    history.replaceState({ ...entryState(), scrollY } satisfies EntryState, '');
  }

  #onClick = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || link.dataset['native']) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(basePath())) return;
    if (url.pathname.startsWith(`${basePath()}api/`)) return;
    event.preventDefault();
    this.go(url.href);
  };
}

function entryState(): EntryState {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null ? (state as EntryState) : {};
}

function debounce(run: () => void, ms: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
}

export const router = new Router();
