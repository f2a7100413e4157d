import type { Words } from '../language/language.tsx';

const es = {
  title: 'Fluxion: un sitio propio para cada negocio',
  operators: 'Panel de operación',
  headline: 'Diga cómo se llama su negocio. Aquí está su sitio.',
  lead: 'Fluxion pone en línea tiendas de barrio, mercados y panaderías: catálogo, pedidos y una dirección propia. El alta la hace una máquina, paso por paso, y la comprueba como la vería un cliente.',
  nameLabel: 'Nombre del negocio',
  namePlaceholder: 'La Granja Mercado',
  addressLabel: 'Su dirección sería',
  addressEmpty: 'su-negocio',
  addressHint: 'Es solo una muestra: no reserva nada. El nombre se comprueba al dar de alta.',
  preview: 'Así se vería',
  previewName: 'Su negocio',
  previewItems: [
    ['Tomate chonto', 'kg'],
    ['Pan de queso', 'unidad'],
    ['Huevos de campo', 'docena'],
  ] as [string, string][],
  previewButton: 'Agregar',
  example: 'Ver una tienda que ya está en línea',
  stepsTitle: 'Qué pasa entre el nombre y el sitio',
  stepsLead:
    'Siempre en este orden. Si un paso falla sin remedio, lo anterior se deshace y a una persona le llega un correo que dice la causa y qué hacer.',
  steps: {
    ClaimTenant: [
      'Reserva el nombre',
      'También para los parecidos: quien pida lagranja con un uno por ele no lo recibe.',
    ],
    AttachCname: ['Le abre la puerta', 'La red de entrega responde por la nueva dirección.'],
    CreateDnsRecords: [
      'Publica la dirección',
      'Dos registros, uno para IPv4 y otro para IPv6. Nunca toca los de otros.',
    ],
    SeedDatabase: ['Le da sus datos', 'Un archivo de base de datos para este negocio y para nadie más.'],
    InvalidateCache: ['Borra lo viejo', 'Solo las copias de este sitio; las de los demás siguen donde estaban.'],
    VerifyTenant: [
      'Entra como visita',
      'Pregunta el nombre, abre la conexión segura y mira si contesta el sitio correcto.',
    ],
    ActivateTenant: ['Lo pone en línea', 'Desde aquí cualquiera puede hacer un pedido.'],
  } as Record<string, [string, string]>,
  getsTitle: 'Lo que recibe un negocio',
  gets: [
    ['Una dirección con su nombre', 'Con conexión segura desde el primer minuto.'],
    ['Catálogo y pedidos', 'La gente busca, arma su pedido y recibe un número. Sin crear una cuenta.'],
    ['Su nombre y su color', 'Se cambian en cualquier momento; el sitio no se detiene mientras tanto.'],
    ['Una pausa cuando haga falta', 'El sitio lo dice con claridad, los datos se quedan y la dirección también.'],
  ] as [string, string][],
  notTitle: 'Lo que todavía no hace',
  nots: [
    'No cobra: el pedido llega y el pago se acuerda entre el negocio y su cliente.',
    'No usa dominios propios del negocio; todos viven bajo el mismo dominio.',
    'No envía nada a domicilio. Eso sigue siendo del negocio.',
  ],
  notLead: 'Preferimos decirlo aquí y no después.',
  footer: 'Fluxion no usa cookies ni carga nada de otros sitios.',
};

const en: typeof es = {
  title: 'Fluxion: a site of its own for each business',
  operators: 'Operators’ panel',
  headline: 'Say what your business is called. Here is its site.',
  lead: 'Fluxion brings corner shops, markets and bakeries online: a catalogue, orders, and an address of their own. A machine sets it up, step by step, and checks it the way a customer would see it.',
  nameLabel: 'Name of the business',
  namePlaceholder: 'La Granja Mercado',
  addressLabel: 'Its address would be',
  addressEmpty: 'your-business',
  addressHint: 'This only shows it: nothing is reserved. The name is checked when the site is set up.',
  preview: 'This is how it would look',
  previewName: 'Your business',
  previewItems: [
    ['Tomatoes', 'kg'],
    ['Cheese bread', 'each'],
    ['Farm eggs', 'dozen'],
  ],
  previewButton: 'Add',
  example: 'See a shop that is online',
  stepsTitle: 'What happens between the name and the site',
  stepsLead:
    'Always in this order. If a step fails for good, what came before is undone, and a person gets a mail that says why and what to do.',
  steps: {
    ClaimTenant: [
      'Reserves the name',
      'Look-alikes too: whoever asks for lagranja with a one for the l does not get it.',
    ],
    AttachCname: ['Opens the door', 'The delivery network answers for the new address.'],
    CreateDnsRecords: [
      'Publishes the address',
      'Two records, one for IPv4 and one for IPv6. It never touches anybody else’s.',
    ],
    SeedDatabase: ['Gives it its data', 'One database file for this business, and for nobody else.'],
    InvalidateCache: ['Clears what is old', 'Only the copies of this site; all others stay where they are.'],
    VerifyTenant: [
      'Comes in as a visitor',
      'Asks for the name, opens the secure connection, and looks whether the right site answers.',
    ],
    ActivateTenant: ['Puts it online', 'From here on anybody can place an order.'],
  },
  getsTitle: 'What a business gets',
  gets: [
    ['An address with its name', 'On a secure connection from the first minute.'],
    ['Catalogue and orders', 'People search, put their order together and get a number. Without an account.'],
    ['Its name and its colour', 'Both can change at any time; the site does not stop meanwhile.'],
    ['A pause when one is needed', 'The site says so plainly, the data stays, and so does the address.'],
  ],
  notTitle: 'What it does not do yet',
  nots: [
    'It takes no payments: the order arrives, and business and customer agree on how to pay.',
    'It does not use a business’s own domain; all of them live under the same one.',
    'It delivers nothing. That is still up to the business.',
  ],
  notLead: 'We would rather say so here than later.',
  footer: 'Fluxion uses no cookies and loads nothing from other sites.',
};

export const landingWords: Words<typeof es> = { es, en };
