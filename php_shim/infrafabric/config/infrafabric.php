<?php

/**
 * Constants Blesta reads from the module: the welcome mail a new package starts with, and the "ready" mail.
 *
 * The addresses and the password exist only once the machine is ready, so every one of them is conditional: in the
 * completion mode "activate" the mail may leave before they are known, and the "ready" mail follows.
 */

Configure::set('Infrafabric.email_templates', [
    'en_us' => [
        'lang' => 'en_us',
        'text' => "Your server {service.ifb_hostname} has been ordered.

{% if service.ifb_image %}Operating system: {service.ifb_image}
{% endif %}{% if service.ifb_datacenter %}Data center: {service.ifb_datacenter}
{% endif %}{% if service.ifb_ips %}Addresses: {service.ifb_ips}
{% endif %}{% if service.ifb_password %}User name: {service.ifb_user}
Password: {service.ifb_password}

Please change the password when you log in for the first time.
{% else %}It is being prepared. Address and password appear in the client area as soon as it is ready.
{% endif %}",
        'html' => '<p>Your server <strong>{service.ifb_hostname}</strong> has been ordered.</p>
{% if service.ifb_image %}<p>Operating system: {service.ifb_image}</p>
{% endif %}{% if service.ifb_datacenter %}<p>Data center: {service.ifb_datacenter}</p>
{% endif %}{% if service.ifb_ips %}<p>Addresses: {service.ifb_ips}</p>
{% endif %}{% if service.ifb_password %}<p>User name: {service.ifb_user}<br />Password: {service.ifb_password}</p>
<p>Please change the password when you log in for the first time.</p>
{% else %}<p>It is being prepared. Address and password appear in the client area as soon as it is ready.</p>
{% endif %}',
    ],
    'de_de' => [
        'lang' => 'de_de',
        'text' => "Ihr Server {service.ifb_hostname} ist bestellt.

{% if service.ifb_image %}Betriebssystem: {service.ifb_image}
{% endif %}{% if service.ifb_datacenter %}Rechenzentrum: {service.ifb_datacenter}
{% endif %}{% if service.ifb_ips %}Adressen: {service.ifb_ips}
{% endif %}{% if service.ifb_password %}Benutzername: {service.ifb_user}
Passwort: {service.ifb_password}

Bitte ändern Sie das Passwort bei der ersten Anmeldung.
{% else %}Er wird gerade eingerichtet. Adresse und Passwort stehen im Kundenbereich, sobald er fertig ist.
{% endif %}",
        'html' => '<p>Ihr Server <strong>{service.ifb_hostname}</strong> ist bestellt.</p>
{% if service.ifb_image %}<p>Betriebssystem: {service.ifb_image}</p>
{% endif %}{% if service.ifb_datacenter %}<p>Rechenzentrum: {service.ifb_datacenter}</p>
{% endif %}{% if service.ifb_ips %}<p>Adressen: {service.ifb_ips}</p>
{% endif %}{% if service.ifb_password %}<p>Benutzername: {service.ifb_user}<br />Passwort: {service.ifb_password}</p>
<p>Bitte ändern Sie das Passwort bei der ersten Anmeldung.</p>
{% else %}<p>Er wird gerade eingerichtet. Adresse und Passwort stehen im Kundenbereich, sobald er fertig ist.</p>
{% endif %}',
    ],
]);

Configure::set('Infrafabric.ready_mail', [
    'en_us' => [
        'subject' => 'Your server {service.ifb_hostname} is ready',
        'text' => 'Your server {service.ifb_hostname} is ready.

{% if service.ifb_ipv4 %}IPv4 address: {service.ifb_ipv4}
{% endif %}{% if service.ifb_ipv6 %}IPv6 address: {service.ifb_ipv6}
{% endif %}Operating system: {service.ifb_image}
Data center: {service.ifb_datacenter}
{% if service.ifb_password %}User name: {service.ifb_user}
Password: {service.ifb_password}

Please change the password when you log in for the first time.
{% endif %}',
    ],
    'de_de' => [
        'subject' => 'Ihr Server {service.ifb_hostname} ist fertig',
        'text' => 'Ihr Server {service.ifb_hostname} ist fertig.

{% if service.ifb_ipv4 %}IPv4-Adresse: {service.ifb_ipv4}
{% endif %}{% if service.ifb_ipv6 %}IPv6-Adresse: {service.ifb_ipv6}
{% endif %}Betriebssystem: {service.ifb_image}
Rechenzentrum: {service.ifb_datacenter}
{% if service.ifb_password %}Benutzername: {service.ifb_user}
Passwort: {service.ifb_password}

Bitte ändern Sie das Passwort bei der ersten Anmeldung.
{% endif %}',
    ],
]);
