/** One short message at the foot of the page: what was done, or why it wasn't, and what can be done. */
const SHOWN_MS = 6_000;

export interface Message {
  text: string;
  /** Errors stay until they are dismissed or something else is told. */
  tone: 'calm' | 'error';
  action?: { label: string; run: () => void } | undefined;
}

export class Messages {
  current = $state.raw<Message | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  show(message: Message): void {
    clearTimeout(this.#timer);
    this.current = message;
    if (message.tone === 'calm') this.#timer = setTimeout(() => this.dismiss(message), SHOWN_MS);
  }

  /** Unless another one has taken its place. */
  dismiss(message: Message | null = this.current): void {
    if (this.current === message) this.current = null;
  }
}
