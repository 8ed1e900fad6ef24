/** A picture that leaves the page stops loading: else those that are looked at would wait behind it. */
export const unload = (image: HTMLImageElement) => () => image.removeAttribute('src');

/** Likewise a clip. */
export const unloadClip = (video: HTMLVideoElement) => () => {
  video.removeAttribute('src');
  video.load();
};
