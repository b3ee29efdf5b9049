// The first page: tabs, buttons that copy, the time of the start in the reader's own form; then the console.

import { start } from './console.js';

/** Makes links and panels into tabs (ARIA Authoring Practices: arrow keys move, the chosen tab alone is in the tab order). */
function makeTabs(list) {
  const tabs = [...list.querySelectorAll('a')];
  const panelOf = (tab) => document.getElementById(tab.hash.slice(1));
  const choose = (chosen) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      panelOf(tab).hidden = !isChosen;
    }
  };
  list.setAttribute('role', 'tablist');
  for (const [at, tab] of tabs.entries()) {
    const panel = panelOf(tab);
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', panel.id);
    panel.setAttribute('role', 'tabpanel');
    tab.addEventListener('click', (event) => {
      event.preventDefault();
      choose(tab);
    });
    const targets = {
      ArrowRight: tabs[(at + 1) % tabs.length],
      ArrowLeft: tabs[(at - 1 + tabs.length) % tabs.length],
      Home: tabs[0],
      End: tabs[tabs.length - 1],
      ' ': tab,
    };
    tab.addEventListener('keydown', (event) => {
      const target = targets[event.key];
      if (!target) return;
      event.preventDefault();
      choose(target);
      target.focus();
    });
  }
  choose(tabs[0]);
}

/** Copies the text of an element; where the browser has no clipboard for this page, selects it for the keyboard. */
async function copy(button, source) {
  const label = button.firstChild;
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.data = 'Copied';
  } catch {
    getSelection().selectAllChildren(source);
    label.data = 'Selected';
  }
  setTimeout(() => {
    label.data = 'Copy';
  }, 1500);
}

for (const list of document.querySelectorAll('[data-tabs]')) makeTabs(list);

for (const button of document.querySelectorAll('[data-copy]')) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener('click', () => copy(button, source));
}

const started = document.getElementById('started');
started.textContent = new Date(started.dateTime).toLocaleString();

const root = document.querySelector('#console[data-key]');
if (root) start(root, document.querySelector('meta[name="campanile-token"]').content);
