/** A picture that leaves the page stops loading: else those that are looked at would wait behind it. */
export const unload = (image: HTMLImageElement) => () => image.removeAttribute('src');
