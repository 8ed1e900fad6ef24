/** Every place in which the app keeps a copy of an event: changed together, or the pages disagree. */
import type { QueryClient } from '@tanstack/svelte-query';
import { keys, type Neighbours } from '../api/queries';
import type { Event, Incident } from '../api/types';
import { mapIncident, mapIncidents, without, type IncidentPages } from '../incidents/merge';
import { mapEvents, remove, type Pages } from '../timeline/merge';

/** `change` gives back the same object where there is nothing to change. */
export function changeCached(client: QueryClient, change: (event: Event) => Event): void {
  client.setQueriesData<Pages>({ queryKey: keys.timelines }, (data) =>
    data ? mapEvents(data, change) : data,
  );
  client.setQueriesData<IncidentPages>({ queryKey: keys.incidentLists }, (data) =>
    data ? mapIncidents(data, (incident) => mapIncident(incident, change)) : data,
  );
  client.setQueriesData<Incident>({ queryKey: keys.anyIncident }, (incident) =>
    incident ? mapIncident(incident, change) : incident,
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
  client.setQueriesData<IncidentPages>({ queryKey: keys.incidentLists }, (data) =>
    data ? mapIncidents(data, (incident) => without(incident, id)) : data,
  );
  client.setQueriesData<Incident>({ queryKey: keys.anyIncident }, (incident) =>
    incident ? (without(incident, id) ?? incident) : incident,
  );
  for (const [queryKey, around] of client.getQueriesData<Neighbours>({
    queryKey: keys.anyNeighbours,
  })) {
    const isBeside = around?.newer?.id === id || around?.older?.id === id;
    if (isBeside) void client.invalidateQueries({ queryKey });
  }
}
