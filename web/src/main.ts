import { mount } from 'svelte';
import './app.css';
import './first.css';
import App from './App.svelte';
import { placePictures } from '$lib/first-pictures';
import { restoreFilters } from '$lib/remembered-filters';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
placePictures(restoreFilters());
mount(App, { target });
