/** What pages share, handed down by `Root.svelte`. */
import { createContext } from 'svelte';
import type { Session } from './api/types';
import type { LiveConnection } from './live.svelte';
import type { Messages } from './messages.svelte';
import type { Decisions } from './review/decisions';
import type { Marks } from './review/marks';

/** A question before something that can't be undone. */
export interface Question {
  title: string;
  text: string;
  /** What the button says: the deed, not "OK". */
  deed: string;
  /** Something is lost by it. */
  destructive: boolean;
  /** Rejects with what went wrong, which is shown beside the question. */
  run: () => Promise<void>;
}

export interface AppContext {
  live: LiveConnection;
  session: () => Session;
  signOut: () => Promise<void>;
  showHelp: () => void;
  /** Read out by screen readers, once. */
  announce: (text: string) => void;
  messages: Messages;
  marks: Marks;
  decisions: Decisions;
  ask: (question: Question) => void;
  /** Whether the person may only look; then they are told so. For what admins decide. */
  refuses: () => boolean;
}

export const [getApp, setApp] = createContext<AppContext>();
