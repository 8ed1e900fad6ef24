/** The pictures that came with the page stand in for the list until it is drawn. */
import { recall } from './preferences';

const element = () => document.getElementById('first');

/** Before the app is there: at their places, or not at all where another list will come (`other`, or of another view). */
export function placePictures(other: boolean): void {
  if (other) element()?.remove();
  const asked = new URLSearchParams(location.search).get('view');
  if ((asked ?? recall('view') ?? 'incidents') !== (asked ?? 'incidents')) element()?.remove();
  else element()?.classList.toggle('hours', recall('heat-hours') === 'true');
}

/** The list has its own now: two frames later they are on the screen. */
export function dropPictures(): void {
  if (!element()) return;
  requestAnimationFrame(() => requestAnimationFrame(() => element()?.remove()));
}
