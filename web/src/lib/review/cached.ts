/** Every place in which the app keeps a copy of an event: changed together, or the pages disagree. */
import type { QueryClient } from '@tanstack/svelte-query';
import { keys, type Neighbours } from '../api/queries';
import type { Event } from '../api/types';
import { mapEvents, remove, type Pages } from '../timeline/merge';

/** `change` gives back the same object where there is nothing to change. */
export function changeCached(client: QueryClient, change: (event: Event) => Event): void {
  client.setQueriesData<Pages>({ queryKey: keys.timelines }, (data) =>
    data ? mapEvents(data, change) : data,
  );
  client.setQueriesData<Event>({ queryKey: keys.anyEvent }, (event) =>
    event ? change(event) : event,
  );
  client.setQueriesData<Neighbours>({ queryKey: keys.anyNeighbours }, (around) =>
    around
      ? {
          newer: around.newer && change(around.newer),
          older: around.older && change(around.older),
        }
      : around,
  );
}

/** All that is known of one event here; the freshest copy first. */
export function cachedEvent(client: QueryClient, id: string): Event | undefined {
  const single = client.getQueryData<Event>(keys.event(id));
  if (single) return single;
  for (const [, data] of client.getQueriesData<Pages>({ queryKey: keys.timelines })) {
    for (const page of data?.pages ?? []) {
      const event = page.items.find((item) => item.id === id);
      if (event) return event;
    }
  }
  return undefined;
}

export function removeCached(client: QueryClient, id: string): void {
  client.setQueriesData<Pages>({ queryKey: keys.timelines }, (data) =>
    data ? remove(data, id) : data,
  );
  void client.invalidateQueries({ queryKey: keys.anyNeighbours });
}
