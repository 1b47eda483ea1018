/* Shows one message on a page of ours as the in-app script draws it; nothing of it is told. */
(() => {
  const { message, look, words } = JSON.parse(document.getElementById("shown").textContent);
  window.Evergreen.show(message, { look, words });
})();
