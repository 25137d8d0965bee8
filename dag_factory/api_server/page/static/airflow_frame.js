/**
 * The frame in which Airflow's UI shows this page. Airflow sandboxes it: scripts may run and see the page around it,
 * but a link can neither replace that page nor open a tab. So links are followed by the page around the frame.
 */

/** @returns {Window | null} the window of Airflow's UI, null where this page is shown by itself */
function airflow() {
  try {
    return parent !== window && parent.document ? parent : null;
  } catch {
    return null; // A page of another origin.
  }
}

/** Has all links of this page followed by Airflow's UI, as if they were its own. */
export function followLinksInAirflow() {
  const outside = airflow();
  if (!outside) return;
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link?.href || event.defaultPrevented) return;
    event.preventDefault();
    const own = outside.document.createElement("a");
    own.href = link.href;
    own.rel = "noopener noreferrer";
    const opensTab = event.ctrlKey || event.metaKey || event.shiftKey || new URL(link.href).origin !== location.origin;
    own.target = opensTab ? "_blank" : "_self";
    own.click();
  });
}

/** @returns {boolean} whether Airflow's UI around the frame is at this page of the plugin, not at a DAG's */
function isMenuEntry(/** @type {Window} */ outside) {
  const path = outside.location.pathname;
  return /\/plugin\//.test(path) && !/\/dags\/[^/]+\/plugin\//.test(path);
}

/** @returns {string} the query with which Airflow's UI was opened, such as `?state=broken`; empty without one */
export function queryOfAirflow() {
  const outside = airflow();
  return outside && isMenuEntry(outside) ? outside.location.search : "";
}

/** Puts the filters into the address that the browser shows, so that it can be sent to others or bookmarked. */
export function showInAddress(/** @type {string} */ query) {
  const outside = airflow();
  if (!outside || !isMenuEntry(outside) || outside.location.search === query) return;
  outside.history.replaceState(outside.history.state, "", outside.location.pathname + query);
}

/** @returns {string} the address that the browser shows */
export function shownAddress() {
  return (airflow() ?? window).location.href;
}
