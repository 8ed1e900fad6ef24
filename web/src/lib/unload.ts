/**
 * A picture that leaves the page stops loading: else those that are looked at would wait behind it. It is taken out of its
 * card, too, which has left already: without its address, Chromium has the document listen for it again and would hold
 * the card for as long as the page lives.
 */
export const unload = (image: HTMLImageElement) => () => {
  image.removeAttribute('src');
  image.remove();
};

/** Likewise a clip. */
export const unloadClip = (video: HTMLVideoElement) => () => {
  video.removeAttribute('src');
  video.load();
};
