// The looks of all texts of a page: what decides whether one has enough contrast, and whether a link in it is told apart.
() => {
  const all = [...document.body.querySelectorAll("*")];
  // what is taken out of the flow may lie over a text, or under it
  const placed = all
    .filter((one) => getComputedStyle(one).position !== "static")
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([, box]) => box.width && box.height);
  // what is painted under the texts in an element: the last full ground, and what lies on it
  const grounds = new Map();
  const under = (element) => {
    if (!element) return "";
    if (!grounds.has(element)) {
      const s = getComputedStyle(element), below = under(element.parentElement);
      const blended = [s.opacity, s.filter, s.mixBlendMode].join();
      const full = s.backgroundColor.startsWith("rgb(") && s.backgroundImage === "none";
      const none = s.backgroundColor === "rgba(0, 0, 0, 0)" && s.backgroundImage === "none";
      const painted = `/${s.backgroundColor} ${s.backgroundImage} ${blended}`;
      if (blended !== "1,none,normal" || below.startsWith("blended")) grounds.set(element, `blended${below}${painted}`);
      else grounds.set(element, none ? below : full ? painted : below + painted);
    }
    return grounds.get(element);
  };
  const texts = (element) => [...element.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  // as WCAG 2.2 has it: 18 points, or 14 points and bold
  const large = ({ fontSize, fontWeight }) => parseFloat(fontSize) >= (fontWeight >= 700 ? 56 / 3 : 24);
  globalThis.textLooks = new Map();
  for (const element of [document.body, ...all]) {
    const text = texts(element).map((n) => n.data.trim()).join("");
    if (!text && !element.matches("input:not([type=hidden]), textarea, select")) continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const s = getComputedStyle(element), block = element.parentElement;
    const over = placed.filter(([one, at]) => !one.contains(element) && !element.contains(one)
      && at.left < box.right && box.left < at.right && at.top < box.bottom && box.top < at.bottom);
    const look = [
      under(element), s.color, large(s), s.textShadow, s.webkitTextStrokeWidth, s.clipPath, text.length === 1,
      element.matches("input, textarea, select, option, button, label") && element.localName,
      element.closest(":disabled, [aria-disabled=true], [inert], [aria-hidden=true]") !== null,
      ...over.map(([one]) => under(one)),
    ];
    if (element.closest("a")) {
      // a link in a text must be told from it
      const around = block.textContent.trim().length > element.textContent.trim().length;
      look.push(around, getComputedStyle(block).color, s.fontStyle, s.textDecorationLine, s.borderBottom);
    }
    const key = look.join("|");
    if (!textLooks.has(key)) textLooks.set(key, element);
  }
  return [...textLooks.keys()];
}
