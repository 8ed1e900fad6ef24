// Asks until a server answers, then loads the page that was wanted. Pauses grow to ten seconds.
(function () {
  var FIRST_MS = 2000;
  var LAST_MS = 10000;
  var TIMEOUT_MS = 8000;
  var pauseMs = FIRST_MS;
  var timer;
  var asking = false;
  var state = document.getElementById('state');
  if (!navigator.onLine) {
    document.getElementById('why').textContent = 'This device has no network.';
  }

  function ask() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    state.textContent = 'Trying…';
    // The document itself: what answers must be Camtrail, and not a proxy that is without it.
    fetch('./', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
      .then(function (response) {
        if (!response.ok) throw new Error('no');
        location.reload();
      })
      .catch(function () {
        asking = false;
        pauseMs = Math.min(pauseMs * 1.5, LAST_MS);
        state.textContent = 'No answer yet.';
        timer = setTimeout(ask, pauseMs);
      });
  }

  document.getElementById('again').addEventListener('click', ask);
  addEventListener('online', ask);
  timer = setTimeout(ask, FIRST_MS);
})();
