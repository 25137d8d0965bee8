/**
 * Follows the theme of Airflow's UI, which keeps the user's choice in the local storage of this origin under "theme":
 * "light", "dark", or "system" (also without a choice), which is the one that the browser prefers.
 */
(() => {
  const preference = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // Storage is switched off.
    }
  }

  function apply() {
    const choice = chosen();
    const isDark = choice === "dark" || (choice !== "light" && preference.matches);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
  }

  apply();
  preference.addEventListener("change", apply);
  // Sent when Airflow's UI around this frame, or another tab, changes the choice.
  addEventListener("storage", apply);
})();
