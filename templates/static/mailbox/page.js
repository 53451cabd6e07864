// Keeps the lists fresh: fetches this page again and puts in what changed. What somebody types is never touched.
"use strict";

const PAUSE = 1500; // milliseconds

async function refresh() {
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now && now.outerHTML !== part.outerHTML) part.replaceWith(now);
  }
}

async function watch() {
  if (!document.hidden) {
    await refresh().then(() => document.body.classList.remove("gone"), () => document.body.classList.add("gone"));
  }
  setTimeout(watch, PAUSE);
}

setTimeout(watch, PAUSE);
