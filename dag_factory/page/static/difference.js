/** In what this Airflow and the OpenMetadata server differ, where that has been looked at. */

import { element } from "./elements.js";
import { icon } from "./icons.js";
import { ago, counted, number } from "./times.js";

/** @returns {HTMLElement | null} null where it is unknown */
export function difference(/** @type {import("./server.js").Difference | null} */ found) {
  if (!found) return null;
  const parts = [
    found.only_on_server > 0 && `${counted(found.only_on_server, "pipeline")} of the OpenMetadata server missing here`,
    found.older_here > 0 && `${number(found.older_here)} older here than there`,
    found.only_here > 0 && `${number(found.only_here)} only here`,
  ].filter(Boolean);
  const checked = element("span", { class: "quiet" }, " checked ", ago(found.checked_at));
  if (!parts.length) {
    return element("p", { class: "difference" }, icon("check"), element("span", {}, "Same as the OpenMetadata server.", checked));
  }
  const way = element("code", {}, "openmetadata-dag-factory diff");
  return element(
    "p",
    { class: "difference is-warning" },
    icon("info"),
    element("span", {}, `${parts.join(", ")}. `, way, " lists them, ", element("code", {}, "sync"), " brings them.", checked),
  );
}
