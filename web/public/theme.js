// Runs before the first paint, so that a dark room stays dark. External because the CSP allows no
// inline script. src/lib/theme.svelte.ts owns the setting from then on.
(function () {
  var choice = null;
  try {
    choice = localStorage.getItem('camtrail.theme');
  } catch {
    // Storage refused (private mode): follow the system.
  }
  var dark =
    choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  // The browser's own bars go with the page, whatever the system has.
  document.querySelectorAll('meta[name="theme-color"]').forEach(function (meta) {
    meta.content = dark ? '#0c1311' : '#f3f5f3';
  });
})();
