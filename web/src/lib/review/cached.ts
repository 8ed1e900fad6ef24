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

export function removeCached(client: QueryClient, id: string): void {
  client.setQueriesData<Pages>({ queryKey: keys.timelines }, (data) =>
    data ? remove(data, id) : data,
  );
  void client.invalidateQueries({ queryKey: keys.anyNeighbours });
}
