/** Small things that this browser remembers. Storage may be refused; then nothing is remembered. */
const PREFIX = 'camtrail.';

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Refused or full: the choice holds until the page is closed.
  }
}
