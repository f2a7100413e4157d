import type { Words } from '../language/language.tsx';

const es = {
  loading: 'Cargando…',
  skip: 'Saltar al contenido',
  retry: 'Intentar de nuevo',
  unavailableTitle: 'No hay respuesta en este momento',
  unavailableText: 'El sitio existe, pero no pudimos cargarlo. Suele durar poco: inténtelo de nuevo en un momento.',
  unknownTitle: 'En esta dirección no hay ningún sitio',
  unknownText: 'Revise que la dirección esté bien escrita. Si el sitio es nuevo, puede que aún no esté en línea.',
  suspendedTitle: 'Este sitio está en pausa',
  suspendedText:
    'Por ahora no atiende visitas ni recibe pedidos. Sus datos se conservan y volverá en esta misma dirección.',
  missingTitle: 'Esta página no existe',
  missingText: 'El enlace está incompleto o la página ya no está.',
  home: 'Ir al inicio',
};

const en: typeof es = {
  loading: 'Loading…',
  skip: 'Skip to the content',
  retry: 'Try again',
  unavailableTitle: 'No answer at the moment',
  unavailableText: 'The site exists, but we could not load it. This rarely lasts long: try again in a moment.',
  unknownTitle: 'There is no site at this address',
  unknownText: 'Check that the address is spelled right. If the site is new, it may not be online yet.',
  suspendedTitle: 'This site is paused',
  suspendedText:
    'It takes no visits and no orders for now. Its data is kept, and it will be back at this same address.',
  missingTitle: 'This page does not exist',
  missingText: 'The link is incomplete, or the page is gone.',
  home: 'Go to the start',
};

export const uiWords: Words<typeof es> = { es, en };
