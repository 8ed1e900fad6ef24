/** Light, dark, or as the system has it. `public/theme.js` applies the choice before first paint. */
import { recall, remember } from './preferences';

export type ThemeChoice = 'system' | 'light' | 'dark';

const STORAGE_KEY = 'theme';
/** The browser's own bars, as `public/theme.js` has them. */
const BAR = { dark: '#0c1311', light: '#f3f5f3' };

class Theme {
  choice = $state<ThemeChoice>(parseChoice(recall(STORAGE_KEY)));
  #systemDark = matchMedia('(prefers-color-scheme: dark)');

  start(): () => void {
    const apply = () => this.#apply();
    this.#systemDark.addEventListener('change', apply);
    apply();
    return () => this.#systemDark.removeEventListener('change', apply);
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    remember(STORAGE_KEY, choice === 'system' ? null : choice);
    this.#apply();
  }

  #apply(): void {
    const dark = this.choice === 'dark' || (this.choice === 'system' && this.#systemDark.matches);
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
    for (const bar of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      bar.content = dark ? BAR.dark : BAR.light;
    }
  }
}

function parseChoice(text: string | null): ThemeChoice {
  return text === 'light' || text === 'dark' ? text : 'system';
}

export const theme = new Theme();
