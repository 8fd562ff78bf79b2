// Opens the record that a link leads to, and says for tests that the page is whole.
"use strict";
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let part = target; part; part = part.parentElement)
    if (part.tagName === "DETAILS") part.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
addEventListener("click", event => {
  const link = event.target.closest("a[href^='#']");
  if (link && link.hash === location.hash) reveal();
});
addEventListener("load", () => {
  reveal();
  const page = document.documentElement.dataset;
  page.brokenImages = [...document.images].filter(image => !image.naturalWidth).length;
  page.ready = "true";
});
