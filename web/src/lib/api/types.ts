/** The API's shapes under short names; all of them are generated from openapi.json. */
import type { components } from './schema';

export type Event = components['schemas']['Event'];
export type EventPage = components['schemas']['EventPage'];
export type Camera = components['schemas']['Camera'];
export type Session = components['schemas']['Session'];
export type SignInWays = components['schemas']['SignInWays'];
export type Status = components['schemas']['Status'];
export type Kind = Event['kind'];
export type Group = components['schemas']['Group'];
export type EventChanges = components['schemas']['EventChanges'];
export type ViewedList = components['schemas']['ViewedList'];
export type Preview = components['schemas']['Preview'];
export type Making = components['schemas']['Making'];
