/**
 * Where the app lives. The server writes `<base href="…/">` into index.html; every URL of ours is
 * relative to it, so the same files work at any base path.
 */
export function basePath(): string {
  return new URL('./', document.baseURI).pathname;
}

/** Root of the REST API as the OpenAPI paths (`/api/v1/…`) expect it: no trailing slash. */
export function apiRoot(): string {
  return new URL('./', document.baseURI).href.replace(/\/$/, '');
}
