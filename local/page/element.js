// What the backend asks a document about its elements. Evaluated in an isolated world of the page, so
// pages neither see it nor change what it uses; every call brings it along.
(() => {
  // Fields named "children" or "getAttribute" stand in the way of what their form has by that name, and
  // images named "title" or "body" of what the document has. What the prototypes have is asked directly.
  const own = (type, names) =>
    Object.fromEntries(
      names.split(' ').map((name) => {
        const { get, value } = Object.getOwnPropertyDescriptor(type.prototype, name);
        return [name, (on, ...given) => (get || value).apply(on, given)];
      }),
    );
  const of = {
    ...own(Node, 'nodeType parentElement getRootNode contains textContent'),
    ...own(Element, 'id localName namespaceURI shadowRoot assignedSlot previousElementSibling getAttribute matches scrollIntoView'),
    ...own(Element, 'getBoundingClientRect getClientRects scrollTop scrollHeight clientHeight clientTop clientLeft scrollTo'),
    ...own(HTMLElement, 'innerText isContentEditable focus'),
  };
  const page = own(Document, 'querySelector querySelectorAll evaluate elementFromPoint body documentElement scrollingElement activeElement title');
  const shadow = own(DocumentFragment, 'querySelector querySelectorAll');
  const LONG = 4000;
  const HTML = 'http://www.w3.org/1999/xhtml';
  const isHtml = (element) => element instanceof HTMLElement;
  const isForm = (element) => of.localName(element) === 'form';
  // A text's beginning; half a character at its end, or in a page's own text, is no text to anybody else.
  const beginning = (text, most) => `${text}`.slice(0, most).toWellFormed();
  return {
    // The first match: "css=...", "xpath=..." or a bare selector of either kind. Goes into open shadow roots.
    find(selector) {
      const text = selector.replace(/^\s*(css|xpath)=/, '').trim();
      if (/^\s*xpath=/.test(selector) || (/^[/(]/.test(text) && !/^\s*css=/.test(selector)))
        return page.evaluate(document, text, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue;
      return this.inTree(document, text);
    },
    inTree(root, css) {
      const { querySelector, querySelectorAll } = root === document ? page : shadow;
      const found = querySelector(root, css);
      if (found) return found;
      for (const host of querySelectorAll(root, '*')) {
        const inside = of.shadowRoot(host) && this.inTree(of.shadowRoot(host), css);
        if (inside) return inside;
      }
      return null;
    },
    // The same; of a text the element that it stands in.
    element(selector) {
      const found = this.find(selector);
      return found && of.nodeType(found) !== Node.ELEMENT_NODE ? of.parentElement(found) : found;
    },
    name(element) {
      const id = of.id(element) ? `#${of.id(element)}` : '';
      return beginning(`<${of.localName(element)}${id}>`, 120);
    },
    // Parents across shadow roots.
    parent(element) {
      return of.assignedSlot(element) || of.parentElement(element) || of.getRootNode(element).host || null;
    },
    // What is filled in, chosen or checked when a label is named: the control it is for.
    control(element) {
      return (element && of.localName(element) === 'label' && element.control) || element;
    },
    // What is on top at a point, shadow roots looked into.
    topmost(x, y) {
      let hit = page.elementFromPoint(document, x, y);
      while (hit && of.shadowRoot(hit)) {
        const inner = of.shadowRoot(hit).elementFromPoint(x, y);
        if (!inner || inner === hit) break;
        hit = inner;
      }
      return hit;
    },
    // A click on `hit` is one on `element`: it is inside it, or inside its label.
    takes(element, hit) {
      for (let at = hit; at; at = this.parent(at)) {
        if (at === element) return true;
        if (of.localName(at) === 'label' && at.control === element) return true;
      }
      return false;
    },
    enabled(element) {
      for (let at = element; at; at = this.parent(at)) {
        if (of.getAttribute(at, 'aria-disabled') === 'true') return false;
        if (at === element && of.matches(at, ':disabled')) return false;
      }
      return true;
    },
    editable(element) {
      if (isHtml(element) && of.isContentEditable(element)) return true;
      if (of.localName(element) === 'textarea') return !element.readOnly;
      const text = !['button', 'checkbox', 'radio', 'submit', 'reset', 'image', 'file'].includes(element.type);
      return of.localName(element) === 'input' && text && !element.readOnly;
    },
    // Where it can be clicked, or what stands in the way. `needs`: "attached", "visible", "enabled", "editable", "pointer".
    inspect(selector, needs) {
      let element;
      try {
        element = this.element(selector);
      } catch (error) {
        return { invalid: `${error.message}` };
      }
      if (!element) return { problem: 'element_not_found', message: 'no element matches the selector' };
      const wants = (need) => needs.includes(need);
      if (wants('editable')) element = this.control(element);
      const name = this.name(element);
      if (!wants('visible')) return { ok: true, name, x: 0, y: 0 };
      let box = of.getBoundingClientRect(element);
      const style = getComputedStyle(element);
      if (box.width === 0 || box.height === 0 || style.visibility !== 'visible')
        return { problem: 'element_not_visible', message: `${name} is not visible` };
      if (wants('enabled') && !(this.enabled(element) && this.enabled(this.control(element))))
        return { problem: 'element_disabled', message: `${name} is disabled` };
      if (wants('editable') && !this.editable(element))
        return { problem: 'element_not_editable', message: `${name} takes no text` };
      const within = (at) => at.x >= 0 && at.y >= 0 && at.x < innerWidth && at.y < innerHeight;
      // A link over two lines has two boxes, and its middle may be none of it.
      const middle = () => {
        const boxes = [...of.getClientRects(element)].filter((one) => one.width > 0 && one.height > 0);
        box = boxes.find((one) => within({ x: one.x + one.width / 2, y: one.y + one.height / 2 })) || boxes[0] || box;
        return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      };
      let at = middle();
      if (!within(at) || window !== window.parent) {
        of.scrollIntoView(element, { block: 'center', inline: 'center', behavior: 'instant' });
        at = middle();
      }
      const whole = of.getBoundingClientRect(element);
      const place = { name, x: at.x, y: at.y, box: [whole.x, whole.y, whole.width, whole.height].map(Math.round) };
      if (!wants('pointer')) return { ok: true, ...place };
      const hit = this.topmost(at.x, at.y);
      if (!hit) return { problem: 'element_out_of_view', message: `${name} cannot be brought into view` };
      if (!this.takes(element, hit))
        return { problem: 'element_covered', message: `${this.name(hit)} covers ${name}` };
      return { ok: true, ...place };
    },
    // Where a frame's content begins in the document that embeds it.
    frameOrigin(selector) {
      const frame = this.element(selector);
      if (!frame) return null;
      const box = of.getBoundingClientRect(frame);
      const style = getComputedStyle(frame);
      return {
        x: box.x + of.clientLeft(frame) + parseFloat(style.paddingLeft),
        y: box.y + of.clientTop(frame) + parseFloat(style.paddingTop),
      };
    },
    // Whose document this is, "https://shop.test".
    origin() {
      return location.origin;
    },
    focus(selector) {
      const element = this.control(this.element(selector));
      if (!element) return { problem: 'element_not_found', message: 'no element matches the selector' };
      if (isHtml(element)) of.focus(element);
      else element.focus();
      const owner = of.getRootNode(element);
      const active = owner === document ? page.activeElement(owner) : owner.activeElement;
      return active === element || of.contains(element, active)
        ? { ok: true }
        : { problem: 'element_not_focusable', message: `${this.name(element)} cannot be focused` };
    },
    // Selects all of a field's text, so that what is typed replaces it. `direct`: its kind takes no typed text.
    selectText(selector, value) {
      const focused = this.focus(selector);
      if (!focused.ok) return focused;
      const element = this.control(this.element(selector));
      const direct = ['color', 'date', 'datetime-local', 'month', 'range', 'time', 'week'];
      if (of.localName(element) === 'input' && direct.includes(element.type)) {
        element.value = value;
        if (element.value !== value)
          return { problem: 'value_refused', message: `${this.name(element)} takes no such value` };
        this.changed(element);
        return { ok: true, direct: true };
      }
      if (of.isContentEditable(element)) getSelection().selectAllChildren(element);
      else element.select();
      return { ok: true, empty: !(element.value ?? of.textContent(element)) };
    },
    changed(element) {
      element.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
      element.dispatchEvent(new Event('change', { bubbles: true }));
    },
    // Chooses options by value or label, as a person would. What was asked for may be a secret, so no answer quotes it.
    choose(selector, wanted) {
      const element = this.control(this.element(selector));
      if (!element || of.localName(element) !== 'select')
        return { problem: 'element_not_select', message: 'the element is no <select>' };
      const name = this.name(element);
      const chosen = [];
      for (const text of wanted) {
        const option = [...element.options].find((one) => one.value === text || one.label.trim() === text);
        if (!option) return { problem: 'option_not_found', message: `${name} has no such option` };
        if (option.disabled) return { problem: 'option_disabled', message: `that option of ${name} is disabled` };
        chosen.push(option);
      }
      if (chosen.length > 1 && !element.multiple)
        return { problem: 'option_not_found', message: `${name} takes one option only` };
      of.focus(element);
      for (const option of element.options) option.selected = chosen.includes(option);
      this.changed(element);
      return { ok: true, values: chosen.map((option) => option.value) };
    },
    checked(selector) {
      const element = this.control(this.element(selector));
      if (!element) return { problem: 'element_not_found', message: 'no element matches the selector' };
      if (of.localName(element) === 'input' && ['checkbox', 'radio'].includes(element.type))
        return { ok: true, checked: element.checked };
      const role = of.getAttribute(element, 'role');
      if (['checkbox', 'radio', 'switch', 'menuitemcheckbox'].includes(role))
        return { ok: true, checked: of.getAttribute(element, 'aria-checked') === 'true' };
      return { problem: 'element_not_checkable', message: `${this.name(element)} cannot be checked` };
    },
    // Scrolls the element, or the page when it does not scroll itself: to "50%", or by screens.
    scroll(selector, { to, screens }) {
      let element = this.element(selector);
      if (!element) return { problem: 'element_not_found', message: 'no element matches the selector' };
      if (of.scrollHeight(element) <= of.clientHeight(element) || element === page.body(document))
        element = page.scrollingElement(document);
      const range = of.scrollHeight(element) - of.clientHeight(element);
      const top = to === undefined ? of.scrollTop(element) + screens * of.clientHeight(element) : (range * to) / 100;
      of.scrollTo(element, { top, behavior: 'instant' });
      return { ok: true };
    },
    // Up to `most` characters of what can be read.
    text(selector, most) {
      const element = selector ? this.find(selector) : page.body(document) || page.documentElement(document);
      if (!element) return null;
      const text = (isHtml(element) ? of.innerText(element) : of.textContent(element)) ?? '';
      return { text: beginning(text, most), cut: text.length > most };
    },
    // One path that finds it again.
    pathOf(element) {
      const steps = [];
      for (let at = element; at; at = of.parentElement(at)) {
        const name = of.localName(at);
        // In an HTML document a name in a path means HTML elements only.
        const html = of.namespaceURI(at) === HTML && /^[a-z][\w-]*$/i.test(name);
        let number = 1;
        for (let before = of.previousElementSibling(at); before; before = of.previousElementSibling(before))
          if (of.localName(before) === name && !(html && of.namespaceURI(before) !== HTML)) number += 1;
        steps.unshift(html ? `${name}[${number}]` : `*[local-name()=${JSON.stringify(name)}][${number}]`);
      }
      return `xpath=/${steps.join('/')}`;
    },
    label(element) {
      const texts = [
        () => of.getAttribute(element, 'aria-label'),
        () => !isForm(element) && element.labels?.[0]?.innerText,
        () => (isHtml(element) ? of.innerText(element) : of.textContent(element)),
        () => of.getAttribute(element, 'placeholder'),
        () => of.getAttribute(element, 'name'),
        () => of.getAttribute(element, 'title'),
      ];
      for (const text of texts) {
        const found = text();
        if (found && found.trim()) return beginning(found.trim().replace(/\s+/g, ' '), LONG);
      }
      return '';
    },
    // What one can do on this page, for a model to choose from. Who shows it hides what is secret, so texts are whole.
    outline(within, most) {
      const root = within ? this.element(within) : page.body(document);
      if (!root) return null;
      const kinds = 'a[href],button,input:not([type=hidden]),select,textarea,summary,label,[role=button],[role=link],[role=checkbox],[role=tab],[role=menuitem],[role=option],[contenteditable=""],[contenteditable=true],[onclick],[tabindex]';
      const seen = (element) => {
        const box = of.getBoundingClientRect(element);
        return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === 'visible';
      };
      const elements = [];
      for (const element of [root, ...Element.prototype.querySelectorAll.call(root, '*')]) {
        if (elements.length === most) break;
        if (!of.matches(element, kinds) || !seen(element)) continue;
        // A label has the words of its control, which is the one to act on, unless there is none to be seen.
        const control = this.control(element);
        if (control !== element && seen(control)) continue;
        const name = of.localName(element);
        const item = {
          selector: this.pathOf(element),
          kind: beginning(of.getAttribute(element, 'role') || (name === 'input' ? `input ${element.type}` : name), 40),
          label: this.label(element),
        };
        if (!isForm(element)) {
          // What is typed into a password field is nobody's business.
          if ('value' in element && element.type !== 'password' && element.value) item.value = beginning(element.value, LONG);
          if (element.checked === true) item.checked = true;
        }
        if (name === 'select') item.options = [...element.options].slice(0, 30).map((option) => beginning(option.label, LONG));
        elements.push(item);
      }
      const title = beginning(page.title(document), 500);
      return { url: beginning(location.href, 2000), origin: location.origin, title, elements };
    },
    // Widgets of the captcha services, visible or not.
    captcha() {
      const frames = [...page.querySelectorAll(document, 'iframe')].map((frame) => frame.src);
      const kinds = {
        recaptcha: [/(google\.com|recaptcha\.net)\/recaptcha\//, '.g-recaptcha'],
        hcaptcha: [/hcaptcha\.com\//, '.h-captcha'],
        turnstile: [/challenges\.cloudflare\.com\//, '.cf-turnstile'],
        funcaptcha: [/(arkoselabs|funcaptcha)\.com\//, '#FunCaptcha,[data-pkey]'],
        geetest: [/geetest\.com\//, '.geetest_captcha,.geetest_holder'],
      };
      const found = Object.entries(kinds).find(
        ([, [address, widget]]) => frames.some((src) => address.test(src)) || page.querySelector(document, widget),
      );
      return found ? found[0] : null;
    },
  };
})()
