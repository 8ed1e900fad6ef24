import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { actionName, channelName, told, triggerName } from './words';

describe('words', () => {
  it('know every action that the API tells of', () => {
    const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
      components: { schemas: { AuditItem: { properties: { action: { description: string } } } } };
    };
    const told = document.components.schemas.AuditItem.properties.action.description;
    const actions = [...told.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name ?? '');
    expect(actions.length).toBeGreaterThan(15);
    // What isn't known comes out as the word itself, with a capital letter.
    const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
    const unknown = actions.filter(
      (name) => actionName(name) === capital(name.replaceAll('_', ' ')),
    );
    expect(
      unknown.filter((name) => !['signed_in', 'sign_in_failed', 'signed_out'].includes(name)),
    ).toEqual([]);
  });

  it('show what a later version knows', () => {
    expect(actionName('camera_renamed')).toBe('Camera renamed');
    expect(channelName('carrier_pigeon')).toBe('Carrier pigeon');
    expect(triggerName('camera_stolen')).toBe('Camera stolen');
  });

  it('tell an entry of the log without its ids', () => {
    const entry = (action: string, who: string | null, subject: string, detail: string) =>
      told({ at: '2026-11-30T05:00:00Z', action, who, subject, detail, from: '127.0.0.1' });
    expect(
      entry('share_created', 'anna', '8e1e3bac', 'event 0600ab, until 2026-12-07T05:03:27.138Z'),
    ).toMatchObject({
      who: 'anna',
      whom: null,
      event: '0600ab',
      more: expect.stringMatching(/^until .*2026/) as string,
    });
    expect(entry('share_refused', null, '8e1e3bac', 'event 0600ab: expired')).toEqual({
      who: 'Somebody with the link',
      whom: null,
      event: '0600ab',
      more: 'its time was over',
    });
    expect(entry('share_opened', null, '8e1e3bac', 'event 0600ab')).toMatchObject({ more: null });
    expect(entry('token_created', 'anna', 'b821cd', 'Scripts: read')).toMatchObject({
      whom: null,
      more: 'Scripts: read',
    });
    expect(entry('event_noted', 'anna', '0600ab', '')).toMatchObject({ event: '0600ab' });
    expect(entry('event_deleted', 'anna', '0600ab', 'gate/1.jpg')).toMatchObject({
      event: null,
      more: 'gate/1.jpg',
    });
    expect(entry('sign_in_failed', null, 'anna', '')).toMatchObject({
      who: 'Unknown',
      whom: 'anna',
    });
    expect(entry('signed_in', 'anna', 'anna', '')).toMatchObject({ whom: null });
  });
});
