/** Light or dark: as the system says, or as was chosen here before. */
"use strict";
{
  const root = document.documentElement;
  const kept = localStorage.getItem("geoloupe-theme");
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  // The token has done its work: a cookie stands for it, and it need not stay in the history.
  if (location.search) history.replaceState(null, "", location.pathname);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const dark = root.dataset.theme
        ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      localStorage.setItem("geoloupe-theme", root.dataset.theme);
    });
  });
}
