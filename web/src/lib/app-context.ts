/** What pages share, handed down by `App.svelte`. */
import { createContext } from 'svelte';
import type { Session } from './api/types';
import type { LiveConnection } from './live.svelte';

export interface AppContext {
  live: LiveConnection;
  session: () => Session;
  signOut: () => Promise<void>;
  showHelp: () => void;
  /** Read out by screen readers, once. */
  announce: (text: string) => void;
}

export const [getApp, setApp] = createContext<AppContext>();
