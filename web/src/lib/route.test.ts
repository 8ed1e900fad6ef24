import { describe, expect, it } from 'vitest';
import { NO_FILTERS, parseFilters } from './filters';
import { href, NO_LOOK, parseRoute } from './route';

describe('routes', () => {
  it.each(['/', '/cams/trail/'])('work under the base path %s', (base) => {
    expect(parseRoute(base, '', base)).toEqual({
      page: 'timeline',
      filters: NO_FILTERS,
      look: NO_LOOK,
    });
    expect(parseRoute(`${base}statistics`, '', base).page).toBe('statistics');
    expect(parseRoute(`${base}incident/a`, '', base).page).toBe('incident');
    expect(parseRoute(`${base}index.html`, '', base).page).toBe('timeline');
    expect(parseRoute(`${base}cameras`, '', base).page).toBe('cameras');
    expect(parseRoute(`${base}settings`, '', base)).toEqual({ page: 'settings', room: 'groups' });
    expect(parseRoute(`${base}settings/log`, '', base)).toEqual({ page: 'settings', room: 'log' });
    expect(parseRoute(`${base}settings/nowhere`, '', base).page).toBe('not-found');
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

  it('carry how the timeline is looked at, and no hour that there isn’t', () => {
    const look = { view: 'events', at: '2026-03-01T07' } as const;
    const url = new URL(href.timeline(parseFilters('?kind=snap'), look), 'http://h/');
    expect(parseRoute('/', url.search, '/')).toMatchObject({ filters: { kind: 'snap' }, look });
    expect(parseRoute('/', '?at=2026-13-01T07&view=all', '/')).toMatchObject({ look: NO_LOOK });
  });

  it('survive a link that was cut off inside an escape', () => {
    expect(parseRoute('/event/abc%E', '', '/').page).toBe('not-found');
  });

  it('keep the timeline’s filters', () => {
    expect(href.timeline(parseFilters('?camera=x'))).toBe('./?camera=x');
    expect(href.timeline()).toBe('./');
  });
});
