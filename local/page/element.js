// What the backend asks a document about its elements. Evaluated in an isolated world of the page, so
// pages neither see it nor change what it uses; every call brings it along.
({
  // The first match: "css=...", "xpath=..." or a bare selector of either kind. Goes into open shadow roots.
  find(selector) {
    const text = selector.replace(/^\s*(css|xpath)=/, '').trim();
    if (/^\s*xpath=/.test(selector) || (/^[/(]/.test(text) && !/^\s*css=/.test(selector)))
      return document.evaluate(text, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue;
    return this.inTree(document, text);
  },
  inTree(root, css) {
    const found = root.querySelector(css);
    if (found) return found;
    for (const host of root.querySelectorAll('*')) {
      const inside = host.shadowRoot && this.inTree(host.shadowRoot, css);
      if (inside) return inside;
    }
    return null;
  },
  name(element) {
    const id = element.id ? `#${element.id}` : '';
    return `<${element.localName}${id}>`;
  },
  // Parents across shadow roots.
  parent(element) {
    return element.assignedSlot || element.parentElement || element.getRootNode().host || null;
  },
  // What is filled in, chosen or checked when a label is named: the control it is for.
  control(element) {
    return (element && element.localName === 'label' && element.control) || element;
  },
  // What is on top at a point, shadow roots looked into.
  topmost(x, y) {
    let hit = document.elementFromPoint(x, y);
    while (hit && hit.shadowRoot) {
      const inner = hit.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === hit) break;
      hit = inner;
    }
    return hit;
  },
  // A click on `hit` is one on `element`: it is inside it, or inside its label.
  takes(element, hit) {
    for (let at = hit; at; at = this.parent(at)) {
      if (at === element) return true;
      if (at.localName === 'label' && at.control === element) return true;
    }
    return false;
  },
  enabled(element) {
    for (let at = element; at; at = this.parent(at)) {
      if (at.getAttribute('aria-disabled') === 'true') return false;
      if (at === element && at.matches(':disabled')) return false;
    }
    return true;
  },
  editable(element) {
    if (element.isContentEditable) return true;
    if (element.localName === 'textarea' || element.localName === 'select') return !element.readOnly;
    const text = !['button', 'checkbox', 'radio', 'submit', 'reset', 'image', 'file'].includes(element.type);
    return element.localName === 'input' && text && !element.readOnly;
  },
  // Where it can be clicked, or what stands in the way. `needs`: "attached", "visible", "enabled", "editable", "pointer".
  inspect(selector, needs) {
    let element;
    try {
      element = this.find(selector);
    } catch (error) {
      return { invalid: `${error.message}` };
    }
    if (!element) return { problem: 'element_not_found', message: 'no element matches the selector' };
    if (element.nodeType !== Node.ELEMENT_NODE) element = element.parentElement;
    const wants = (need) => needs.includes(need);
    if (wants('editable')) element = this.control(element);
    const name = this.name(element);
    if (!wants('visible')) return { ok: true, name, x: 0, y: 0 };
    let box = element.getBoundingClientRect();
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
      const boxes = [...element.getClientRects()].filter((one) => one.width > 0 && one.height > 0);
      box = boxes.find((one) => within({ x: one.x + one.width / 2, y: one.y + one.height / 2 })) || boxes[0] || box;
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    let at = middle();
    if (!within(at) || window !== window.parent) {
      element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      at = middle();
    }
    const whole = element.getBoundingClientRect();
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
    const frame = this.find(selector);
    if (!frame) return null;
    const box = frame.getBoundingClientRect();
    const style = getComputedStyle(frame);
    return {
      x: box.x + frame.clientLeft + parseFloat(style.paddingLeft),
      y: box.y + frame.clientTop + parseFloat(style.paddingTop),
    };
  },
  focus(selector) {
    const element = this.control(this.find(selector));
    if (!element) return { problem: 'element_not_found' };
    element.focus();
    const owner = element.getRootNode();
    return owner.activeElement === element || element.contains(owner.activeElement)
      ? { ok: true }
      : { problem: 'element_not_focusable', message: `${this.name(element)} cannot be focused` };
  },
  // Selects all of a field's text, so that what is typed replaces it. `direct`: its kind takes no typed text.
  selectText(selector, value) {
    const focused = this.focus(selector);
    if (!focused.ok) return focused;
    const element = this.control(this.find(selector));
    const direct = ['color', 'date', 'datetime-local', 'month', 'range', 'time', 'week'];
    if (element.localName === 'input' && direct.includes(element.type)) {
      element.value = value;
      if (element.value !== value)
        return { problem: 'value_refused', message: `${this.name(element)} takes no such value` };
      this.changed(element);
      return { ok: true, direct: true };
    }
    if (element.isContentEditable) getSelection().selectAllChildren(element);
    else element.select();
    return { ok: true, empty: !(element.value ?? element.textContent) };
  },
  changed(element) {
    element.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  },
  // Chooses options by value or label, as a person would.
  choose(selector, wanted) {
    const element = this.control(this.find(selector));
    if (!element || element.localName !== 'select')
      return { problem: 'element_not_select', message: 'the element is no <select>' };
    const chosen = [];
    for (const text of wanted) {
      const option = [...element.options].find((one) => one.value === text || one.label.trim() === text);
      if (!option) return { problem: 'option_not_found', message: `there is no option ${JSON.stringify(text)}` };
      if (option.disabled) return { problem: 'option_disabled', message: `the option ${JSON.stringify(text)} is disabled` };
      chosen.push(option);
    }
    if (chosen.length > 1 && !element.multiple)
      return { problem: 'option_not_found', message: 'the <select> takes one option only' };
    element.focus();
    for (const option of element.options) option.selected = chosen.includes(option);
    this.changed(element);
    return { ok: true, values: chosen.map((option) => option.value) };
  },
  checked(selector) {
    const element = this.control(this.find(selector));
    if (!element) return { problem: 'element_not_found' };
    if (element.localName === 'input' && ['checkbox', 'radio'].includes(element.type))
      return { ok: true, checked: element.checked };
    const role = element.getAttribute('role');
    if (['checkbox', 'radio', 'switch', 'menuitemcheckbox'].includes(role))
      return { ok: true, checked: element.getAttribute('aria-checked') === 'true' };
    return { problem: 'element_not_checkable', message: `${this.name(element)} cannot be checked` };
  },
  // Scrolls the element, or the page when it does not scroll itself: to "50%", or by screens.
  scroll(selector, { to, screens }) {
    let element = this.find(selector);
    if (!element) return { problem: 'element_not_found' };
    if (element.scrollHeight <= element.clientHeight || element === document.body) element = document.scrollingElement;
    const range = element.scrollHeight - element.clientHeight;
    const top = to === undefined ? element.scrollTop + screens * element.clientHeight : (range * to) / 100;
    element.scrollTo({ top, behavior: 'instant' });
    return { ok: true };
  },
  text(selector) {
    const element = selector ? this.find(selector) : document.body || document.documentElement;
    if (!element) return null;
    return element.innerText ?? element.textContent;
  },
  // One path that finds it again.
  pathOf(element) {
    const steps = [];
    for (let at = element; at && at.nodeType === Node.ELEMENT_NODE; at = at.parentElement) {
      const same = at.parentElement ? [...at.parentElement.children].filter((one) => one.localName === at.localName) : [at];
      steps.unshift(`${at.localName}[${same.indexOf(at) + 1}]`);
    }
    return `xpath=/${steps.join('/')}`;
  },
  // What one can do on this page, for a model to choose from.
  outline(within, most) {
    const root = within ? this.find(within) : document.body;
    if (!root) return null;
    const kinds = 'a[href],button,input:not([type=hidden]),select,textarea,summary,label,[role=button],[role=link],[role=checkbox],[role=tab],[role=menuitem],[role=option],[contenteditable=""],[contenteditable=true],[onclick],[tabindex]';
    const seen = (element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === 'visible';
    };
    const elements = [];
    for (const element of [root, ...root.querySelectorAll('*')]) {
      if (elements.length === most) break;
      if (!element.matches(kinds) || !seen(element)) continue;
      // A label has the words of its control, which is the one to act on, unless there is none to be seen.
      const control = this.control(element);
      if (control !== element && seen(control)) continue;
      const label = element.getAttribute('aria-label') || element.labels?.[0]?.innerText || element.innerText || element.placeholder || element.name || element.title || '';
      const item = {
        selector: this.pathOf(element),
        kind: element.getAttribute('role') || (element.localName === 'input' ? `input ${element.type}` : element.localName),
        label: label.trim().replace(/\s+/g, ' ').slice(0, 120),
      };
      // What is typed into a password field is nobody's business.
      if ('value' in element && element.type !== 'password' && element.value) item.value = `${element.value}`.slice(0, 120);
      if (element.checked) item.checked = true;
      if (element.localName === 'select') item.options = [...element.options].slice(0, 30).map((option) => option.label);
      elements.push(item);
    }
    return { url: location.href, title: document.title, elements };
  },
  // Widgets of the captcha services, visible or not.
  captcha() {
    const frames = [...document.querySelectorAll('iframe')].map((frame) => frame.src);
    const kinds = {
      recaptcha: [/(google\.com|recaptcha\.net)\/recaptcha\//, '.g-recaptcha'],
      hcaptcha: [/hcaptcha\.com\//, '.h-captcha'],
      turnstile: [/challenges\.cloudflare\.com\//, '.cf-turnstile'],
      funcaptcha: [/(arkoselabs|funcaptcha)\.com\//, '#FunCaptcha,[data-pkey]'],
      geetest: [/geetest\.com\//, '.geetest_captcha,.geetest_holder'],
    };
    const found = Object.entries(kinds).find(
      ([, [address, widget]]) => frames.some((src) => address.test(src)) || document.querySelector(widget),
    );
    return found ? found[0] : null;
  },
})
