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
})();
