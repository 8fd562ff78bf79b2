// Opens the record that a link leads to, tells curves' values, and marks where the reader is.
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

// The value of each seed at the epoch under the pointer, behind the seed's name.
function tell(chart, event) {
  const box = chart.getBoundingClientRect();
  const x = (event.clientX - box.left) * chart.viewBox.baseVal.width / box.width;
  const guide = chart.querySelector(".guide");
  let place = null;
  for (const curve of chart.querySelectorAll(".curve")) {
    const points = curve.querySelector("polyline").points;
    let nearest = 0;
    for (let i = 1; i < points.numberOfItems; i++)
      if (Math.abs(points[i].x - x) < Math.abs(points[nearest].x - x)) nearest = i;
    place = points[nearest].x;
    const [epochs, values] = [curve.dataset.epochs, curve.dataset.values].map(t => t.split(" "));
    curve.querySelector(".told").textContent = `: ${values[nearest]} (epoch ${epochs[nearest]})`;
  }
  if (place === null) return;
  guide.setAttribute("x1", place);
  guide.setAttribute("x2", place);
  guide.style.visibility = "visible";
}
function hush(chart) {
  for (const told of chart.querySelectorAll(".told")) told.textContent = "";
  chart.querySelector(".guide").style.visibility = "hidden";
}
for (const chart of document.querySelectorAll(".chart")) {
  chart.addEventListener("pointermove", event => tell(chart, event));
  chart.addEventListener("pointerleave", () => hush(chart));
}

// On a narrow screen the contents are closed: the summary comes first.
const contents = document.querySelector("#contents details");
if (contents && !matchMedia("(min-width: 75rem)").matches) contents.open = false;
const links = new Map();
for (const link of document.querySelectorAll("#contents a")) links.set(link.hash.slice(1), link);
const seen = new IntersectionObserver(entries => {
  for (const entry of entries)
    links.get(entry.target.id)?.classList.toggle("here", entry.isIntersecting);
}, { rootMargin: "-20% 0px -60% 0px" });
for (const section of document.querySelectorAll("section[id], header[id]")) seen.observe(section);

addEventListener("load", () => {
  reveal();
  const page = document.documentElement.dataset;
  page.brokenImages = [...document.images].filter(image => !image.naturalWidth).length;
  page.ready = "true";
});
