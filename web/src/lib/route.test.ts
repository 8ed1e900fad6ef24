import { describe, expect, it } from 'vitest';
import { NO_FILTERS, parseFilters } from './filters';
import { href, parseRoute } from './route';

describe('routes', () => {
  it.each(['/', '/cams/trail/'])('work under the base path %s', (base) => {
    expect(parseRoute(base, '', base)).toEqual({ page: 'timeline', filters: NO_FILTERS });
    expect(parseRoute(`${base}index.html`, '', base).page).toBe('timeline');
    expect(parseRoute(`${base}cameras`, '', base).page).toBe('cameras');
    expect(parseRoute(`${base}settings`, '', base).page).toBe('settings');
    expect(parseRoute(`${base}cameras/`, '', base).page).toBe('cameras');
    expect(parseRoute(`${base}nowhere`, '', base).page).toBe('not-found');
    expect(parseRoute(`${base}event/a/b`, '', base).page).toBe('not-found');
  });

  it('take the base without its slash as home, and nothing outside of it', () => {
    expect(parseRoute('/cams', '', '/cams/').page).toBe('timeline');
    expect(parseRoute('/camshaft', '', '/cams/').page).toBe('not-found');
  });

  it('carry any event id and the filters', () => {
    const filters = parseFilters('?camera=a b&kind=record');
    const url = new URL(href.event('a/b?c#d%', filters), 'http://h/base/');
    expect(parseRoute(url.pathname, url.search, '/base/')).toEqual({
      page: 'event',
      id: 'a/b?c#d%',
      filters,
    });
  });

  it('survive a link that was cut off inside an escape', () => {
    expect(parseRoute('/event/abc%E', '', '/').page).toBe('not-found');
  });

  it('keep the timeline’s filters', () => {
    expect(href.timeline(parseFilters('?camera=x'))).toBe('./?camera=x');
    expect(href.timeline()).toBe('./');
  });
});
