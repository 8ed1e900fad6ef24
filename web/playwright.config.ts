/**
 * Browser tests drive real pages against a running Camtrail. Chromium is Debian's: nothing is
 * downloaded.
 *
 *   CAMTRAIL_URL            the server to test (default http://127.0.0.1:8080)
 *   CAMTRAIL_ADMIN_PASSWORD its admin's password
 *   CHROMIUM                another browser binary
 *
 * A test that starts the binary itself (the whole-path test) sets its own address with
 * `test.use({ baseURL })` or by absolute URLs.
 */
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  fullyParallel: false,
  // Pages are drawn without a graphics card: two at once are quicker only where cores are free.
  workers: Number(process.env['CAMTRAIL_BROWSER_WORKERS'] ?? 1),
  forbidOnly: Boolean(process.env['CI']),
  retries: 0,
  // Generous: a loaded machine makes a test slow, not wrong.
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: 'list',
  use: {
    baseURL: process.env['CAMTRAIL_URL'] ?? 'http://127.0.0.1:8080',
    locale: 'en-US',
    timezoneId: 'America/Los_Angeles',
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--autoplay-policy=no-user-gesture-required',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
  projects: [
    { name: 'browser', testMatch: '**/*.spec.ts' },
    // Pictures and accessibility of every page, phone and desk, light and dark.
    { name: 'screenshots', testMatch: '**/pages.shots.ts' },
    // The pictures of docs/guide (make pictures).
    { name: 'pictures', testMatch: '**/guide.shots.ts' },
    // Figures over a full catalog (make bench-web); no part of the tests.
    {
      name: 'bench',
      testDir: 'bench',
      testMatch: '**/*.bench.ts',
      use: { trace: 'off', screenshot: 'off' },
    },
  ],
});
