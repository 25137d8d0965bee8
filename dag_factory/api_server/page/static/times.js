/** Times and durations in words, in the time zone that the user has chosen in Airflow's UI. */

import { element } from "./elements.js";

/** @typedef {[number, Intl.RelativeTimeFormatUnit]} Unit */

/** @type {Unit[]} the seconds of each unit, the longest first */
const UNITS = [
  [31_536_000, "year"],
  [2_592_000, "month"],
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
  [1, "second"],
];
const IN_WORDS = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** @returns {string} the time zone chosen in Airflow's UI, which keeps it in the local storage; else the browser's */
export function timeZone() {
  try {
    const chosen = JSON.parse(localStorage.getItem("timezone") ?? "null");
    new Intl.DateTimeFormat("en", { timeZone: chosen });
    if (chosen) return chosen;
  } catch {
    // Not one that this browser knows, or storage is switched off.
  }
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** @returns {string} such as "2026-11-28 03:00:00 UTC", as Airflow's UI writes it; empty for an invalid date */
export function exact(/** @type {Date} */ time) {
  if (Number.isNaN(time.getTime())) return "";
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timeZone(),
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second} ${part.timeZoneName}`;
}

/** @returns {Node | null} how long ago or ahead it is, and the exact time; null where it is unknown */
export function inFull(/** @type {string | null | undefined} */ iso) {
  const time = new Date(iso ?? NaN);
  return Number.isNaN(time.getTime()) ? null : element("span", {}, ago(iso), ` · ${exact(time)}`);
}

/** @returns {string} such as "in 3 hours" or "2 days ago" */
export function relative(/** @type {Date} */ time, now = Date.now()) {
  const seconds = (time.getTime() - now) / 1000;
  const [length, unit] = UNITS.find(([each]) => Math.abs(seconds) >= each) ?? UNITS[UNITS.length - 1];
  return Math.abs(seconds) < 10 ? "now" : IN_WORDS.format(Math.trunc(seconds / length), unit);
}

/**
 * @param {string | null | undefined} iso
 * @param {string} [otherwise] what is shown where the time is unknown
 * @returns {Node} how long ago or ahead it is; the exact time shows where the mouse rests
 */
export function ago(iso, otherwise = "") {
  const time = new Date(iso ?? NaN);
  if (Number.isNaN(time.getTime())) return document.createTextNode(otherwise);
  return element("time", { datetime: time.toISOString(), title: exact(time) }, relative(time));
}

/** @returns {string} such as "3 h 12 min", "4 min 10 s" or "0.4 s"; empty where it is unknown */
export function duration(/** @type {number | null | undefined} */ seconds) {
  if (typeof seconds !== "number") return "";
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  const minutes = Math.round(whole / 60);
  return `${number(Math.floor(minutes / 60))} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

/** @returns {string} such as "12,034"; empty where it is unknown */
export function number(/** @type {number | null | undefined} */ value) {
  return typeof value === "number" ? value.toLocaleString("en") : "";
}

/** @returns {string} such as "1 pipeline" or "12 pipelines" */
export function counted(/** @type {number} */ count, /** @type {string} */ noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
