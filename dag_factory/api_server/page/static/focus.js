/** Keeps the keyboard where it is when a part of the page is made anew. */

/**
 * Calls a function that replaces elements, and then gives the focus to the one that has taken the place of the focused.
 *
 * @param {HTMLElement} place what contains them; those that can have the focus have an attribute `data-focus`
 * @param {() => void} replace
 */
export function keepingFocus(place, replace) {
  const focused = document.activeElement;
  const key = focused && place.contains(focused) ? focused.getAttribute("data-focus") : null;
  replace();
  if (key === null) return;
  for (const each of place.querySelectorAll("[data-focus]")) {
    if (each instanceof HTMLElement && each.dataset.focus === key) each.focus({ preventScroll: true });
  }
}
