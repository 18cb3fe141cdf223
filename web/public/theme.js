// Sets the colours before the first paint; the rest of the page follows later.
try {
  const chosen = localStorage.getItem("gatemeter.theme");
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.mantineColorScheme =
    chosen === "light" || chosen === "dark" ? chosen : system;
} catch {
  document.documentElement.dataset.mantineColorScheme = "light";
}
