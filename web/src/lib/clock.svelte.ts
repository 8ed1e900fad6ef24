/** The present, as state: "5 min ago" and "Today" stay true on a page that is left open. */
const TICK_MS = 15_000;

class Clock {
  nowMs = $state(Date.now());

  start(): () => void {
    const timer = setInterval(() => (this.nowMs = Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }
}

export const clock = new Clock();
