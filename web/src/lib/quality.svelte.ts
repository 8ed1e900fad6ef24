/**
 * Small or full: as this browser was told, else small where bytes are dear (a phone's screen, data
 * saving, a slow line) and full elsewhere.
 */
import { recall, remember } from './preferences';

export type QualityChoice = 'small' | 'full';

const STORAGE_KEY = 'quality';
const PHONE = '(max-width: 639px)';
const SLOW = ['slow-2g', '2g', '3g'];

/** What some browsers tell of the line (Network Information API). */
interface Line extends EventTarget {
  saveData?: boolean;
  effectiveType?: string;
}

class Quality {
  choice = $state<QualityChoice | null>(parseChoice(recall(STORAGE_KEY)));
  readonly #line = (navigator as { connection?: Line }).connection;
  readonly #phone = matchMedia(PHONE);

  /** Asked when a clip is opened: a line that changes meanwhile doesn't restart it. */
  get small(): boolean {
    if (this.choice !== null) return this.choice === 'small';
    const slow = SLOW.includes(this.#line?.effectiveType ?? '');
    return this.#phone.matches || this.#line?.saveData === true || slow;
  }

  choose(choice: QualityChoice): void {
    this.choice = choice;
    remember(STORAGE_KEY, choice);
  }
}

function parseChoice(text: string | null): QualityChoice | null {
  return text === 'small' || text === 'full' ? text : null;
}

export const quality = new Quality();
