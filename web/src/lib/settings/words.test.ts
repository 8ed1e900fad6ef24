import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { actionName, channelName, triggerName } from './words';

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
});
