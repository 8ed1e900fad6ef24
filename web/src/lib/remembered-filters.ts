/**
 * Which cameras and kind somebody was looking at stays with this browser, as the view does; a day, and what is to be
 * reviewed or kept, are of the moment. The URL remains the only place where filters live: a start without any begins
 * where the last one ended.
 */
import { filtersToSearch, isFiltered, NO_FILTERS, parseFilters, type Filters } from './filters';
import { recall, remember } from './preferences';
import { href } from './route';
import { router } from './router.svelte';

const KEY = 'filters';
let restored = false;

export function rememberFilters({ cameras, group, kind }: Filters): void {
  remember(KEY, filtersToSearch({ ...NO_FILTERS, cameras, group, kind }) || null);
}

/** Before anything is drawn; whether the timeline has filters now that its address didn't have. */
export function restoreFilters(): boolean {
  const { route } = router;
  // An entry with a state is one that was walked to: "back" leads to what was there.
  if (route.page !== 'timeline' || location.search !== '' || history.state !== null) return false;
  const filters = parseFilters(recall(KEY) ?? '');
  if (!isFiltered(filters)) return false;
  router.go(href.timeline(filters), { replace: true });
  restored = true;
  return true;
}

/** Whether they were restored; said once. */
export function takeRestored(): boolean {
  const was = restored;
  restored = false;
  return was;
}
