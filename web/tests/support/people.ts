/** People, tokens and shares by the API itself, as another browser or a program would. */
import { expect, request, type APIRequestContext, type Browser, type Page } from '@playwright/test';

import { signIn, type Login } from './app';
import type { Box } from './box';

/** A browser of its own, signed in. */
export async function personIn(browser: Browser, box: Box, login: Login): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(box.url);
  await signIn(page, login);
  return page;
}

/** A program without cookies, with or without a token. */
export function program(token?: string): Promise<APIRequestContext> {
  const extraHTTPHeaders = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return request.newContext({ extraHTTPHeaders });
}

export async function addPerson(
  page: Page,
  box: Box,
  login: Login,
  more: { role?: 'viewer' | 'admin'; cameras?: string[] } = {},
): Promise<void> {
  const made = await page.request.post(`${box.url}/api/v1/users`, {
    data: {
      name: login.username,
      password: login.password,
      role: more.role ?? 'viewer',
      ...(more.cameras && { cameras: more.cameras }),
    },
  });
  expect(made.status(), await made.text()).toBe(201);
}
