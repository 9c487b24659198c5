<?php

/**
 * Constants Blesta reads from the module: the welcome mail a new package starts with.
 *
 * The addresses and the password exist only once the machine is ready, so every one of them is conditional: in the
 * completion mode "activate" the mail may leave before they are known.
 */

Configure::set('Infrafabric.email_templates', [
    'en_us' => [
        'lang' => 'en_us',
        'text' => "Your server {service.ifb_hostname} has been ordered.

{% if service.ifb_ipv4 %}IPv4 address: {service.ifb_ipv4}
{% endif %}{% if service.ifb_ipv6 %}IPv6 address: {service.ifb_ipv6}
{% endif %}{% if service.ifb_password %}User name: {service.ifb_user}
Password: {service.ifb_password}

Please change the password when you log in for the first time.
{% else %}It is being prepared. Address and password appear in the client area as soon as it is ready.
{% endif %}",
        'html' => '<p>Your server <strong>{service.ifb_hostname}</strong> has been ordered.</p>
{% if service.ifb_ipv4 %}<p>IPv4 address: {service.ifb_ipv4}</p>
{% endif %}{% if service.ifb_ipv6 %}<p>IPv6 address: {service.ifb_ipv6}</p>
{% endif %}{% if service.ifb_password %}<p>User name: {service.ifb_user}<br />Password: {service.ifb_password}</p>
<p>Please change the password when you log in for the first time.</p>
{% else %}<p>It is being prepared. Address and password appear in the client area as soon as it is ready.</p>
{% endif %}',
    ],
]);
