/** Makes elements. What comes from a document becomes a text or an attribute, never HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] those that are null, undefined or false are left out; `onclick` and the
 *   like take a function
 * @param {...Child} children texts and nodes; null, undefined and false are left out
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    made.append(child instanceof Node ? child : String(child));
  }
  return made;
}

/**
 * @param {unknown} address
 * @returns {string | null} the address where a link may lead there: a path of this origin, or http(s); else null
 */
export function safeAddress(address) {
  if (typeof address !== "string") return null;
  try {
    const url = new URL(address, document.baseURI);
    // "//host", "/\host" and the like look like paths, and are addresses of other hosts.
    const isPath = /^\.{0,2}\//.test(address) && url.origin === location.origin;
    return isPath || /^https?:\/\/[^/]/i.test(address) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * @param {unknown} address
 * @param {Record<string, any>} attributes
 * @param {...Child} children
 * @returns {HTMLElement} a link, or the same text without one where nothing may lead there
 */
export function link(address, attributes, ...children) {
  const href = safeAddress(address);
  if (!href) return element("span", attributes, ...children);
  return element("a", { ...attributes, href, rel: "noopener noreferrer" }, ...children);
}

/** Says something to those who hear the page. */
export function announce(/** @type {string} */ text) {
  const place = document.getElementById("announcements");
  if (place) place.textContent = text;
}
