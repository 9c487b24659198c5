<?php

/**
 * Deutsche Texte. Ein Fehler sagt, was geschah, was das bedeutet und was zu tun ist.
 */

$lang['Infrafabric.name'] = 'InfraFabric';
$lang['Infrafabric.description'] = 'Verkauft VPS und Container bei InfraFabric über die InfraFabric-Bridge.';
$lang['Infrafabric.module_row'] = 'Bridge';
$lang['Infrafabric.module_row_plural'] = 'Bridges';
$lang['Infrafabric.module_group'] = 'Bridge-Gruppe';
$lang['Infrafabric.order_options.first'] = 'Erste Bridge der Gruppe';
$lang['Infrafabric.order_options.random'] = 'Irgendeine Bridge der Gruppe';
$lang['Infrafabric.cron.sync_name'] = 'InfraFabric-Abgleich';
$lang['Infrafabric.cron.sync_description'] = 'Holt von der Bridge, was sich geändert hat, und speichert es bei den Diensten.';

// Modulzeilen
$lang['Infrafabric.manage.heading'] = 'Bridges';
$lang['Infrafabric.manage.add'] = 'Bridge hinzufügen';
$lang['Infrafabric.manage.name'] = 'Name';
$lang['Infrafabric.manage.url'] = 'Adresse der Bridge';
$lang['Infrafabric.manage.connection'] = 'Verbindung';
$lang['Infrafabric.manage.mode'] = 'Abschluss';
$lang['Infrafabric.manage.options'] = 'Optionen';
$lang['Infrafabric.manage.edit'] = 'Bearbeiten';
$lang['Infrafabric.manage.delete'] = 'Löschen';
$lang['Infrafabric.manage.none'] = 'Es gibt noch keine Bridge. Fügen Sie eine hinzu, um Maschinen von InfraFabric zu verkaufen.';
$lang['Infrafabric.add_row.heading'] = 'Bridge hinzufügen';
$lang['Infrafabric.edit_row.heading'] = 'Bridge bearbeiten';
$lang['Infrafabric.row.bridge'] = 'Bridge';
$lang['Infrafabric.row.infrafabric'] = 'InfraFabric';
$lang['Infrafabric.row.name'] = 'Name';
$lang['Infrafabric.row.bridge_url'] = 'Adresse der Bridge';
$lang['Infrafabric.row.bridge_key'] = 'API-Schlüssel der Bridge (Umfang „module“)';
$lang['Infrafabric.row.completion_mode'] = 'Wenn eine Maschine länger braucht, als gewartet wird';
$lang['Infrafabric.row.mode_activate'] = 'Dienst aktivieren, der Rest folgt';
$lang['Infrafabric.row.mode_pending'] = 'Dienst ausstehend lassen, bis die Maschine bereit ist';
$lang['Infrafabric.row.wait_seconds'] = 'Wartezeit (Sekunden, 0 bis 60)';
$lang['Infrafabric.row.infrafabric_api_url'] = 'Adresse der InfraFabric-API';
$lang['Infrafabric.row.infrafabric_api_key'] = 'Schlüssel der InfraFabric-API';
$lang['Infrafabric.row.default_datacenter'] = 'Übliches Rechenzentrum';
$lang['Infrafabric.row.provisioning_timeout'] = 'Frist für das Bereitstellen (Sekunden)';
$lang['Infrafabric.row.webhook_secret'] = 'Webhook-Geheimnis';
$lang['Infrafabric.row.keep'] = 'Gespeichert. Leer lassen, um es zu behalten.';
$lang['Infrafabric.row.save'] = 'Speichern';

// Pakete
$lang['Infrafabric.package.type'] = 'Art';
$lang['Infrafabric.package.vps'] = 'VPS';
$lang['Infrafabric.package.container'] = 'Container';
$lang['Infrafabric.package.plan'] = 'Tarif (oder unten die Größen angeben)';
$lang['Infrafabric.package.cpus'] = 'CPUs';
$lang['Infrafabric.package.memory_mb'] = 'Arbeitsspeicher (MiB)';
$lang['Infrafabric.package.disk_gb'] = 'Festplatte (GiB)';
$lang['Infrafabric.package.image'] = 'Abbild';
$lang['Infrafabric.package.image_choices'] = 'Abbilder, aus denen der Kunde wählen darf';
$lang['Infrafabric.package.image_choices_help'] = 'Eine Abbild-Kennung je Zeile, auf Wunsch mit Bezeichnung: debian-12=Debian 12. Leer: immer das Abbild oben.';
$lang['Infrafabric.package.datacenter'] = 'Rechenzentrum (leer: das übliche der Bridge)';
$lang['Infrafabric.package.limit_addresses'] = 'Höchstens so viele Adressen (leer: unbegrenzt)';
$lang['Infrafabric.package.limit_volumes'] = 'Höchstens so viele Volumes (leer: unbegrenzt)';
$lang['Infrafabric.package.limit_volume_gb'] = 'Größtes Volume (GiB, leer: unbegrenzt)';
$lang['Infrafabric.package.grace_hours'] = 'Gekündigte Maschine aufheben (Stunden, leer oder 0: sofort löschen)';

// Dienste
$lang['Infrafabric.service.hostname'] = 'Hostname';
$lang['Infrafabric.service.image'] = 'Betriebssystem';
$lang['Infrafabric.service.ssh_key'] = 'Öffentlicher SSH-Schlüssel';
$lang['Infrafabric.service.ssh_key_help'] = 'Freiwillig. Ein öffentlicher Schlüssel je Zeile, wie in authorized_keys.';
$lang['Infrafabric.service.state'] = 'Zustand';
$lang['Infrafabric.service.power'] = 'Strom';
$lang['Infrafabric.service.ipv4'] = 'IPv4-Adresse';
$lang['Infrafabric.service.ipv6'] = 'IPv6-Adresse';
$lang['Infrafabric.service.ips'] = 'Alle Adressen';
$lang['Infrafabric.service.user'] = 'Benutzername';
$lang['Infrafabric.service.password'] = 'Passwort';
$lang['Infrafabric.service.plan'] = 'Tarif';
$lang['Infrafabric.service.datacenter'] = 'Rechenzentrum';
$lang['Infrafabric.service.expires'] = 'Bezahlt bis';
$lang['Infrafabric.service.key'] = 'Dienstschlüssel';
$lang['Infrafabric.service.instance'] = 'Instanz bei InfraFabric';
$lang['Infrafabric.service.operation'] = 'Letzter Vorgang';
$lang['Infrafabric.service.error'] = 'Letzter Fehler';
$lang['Infrafabric.service.notice'] = 'Hinweis';
$lang['Infrafabric.service.preparing'] = 'Die Maschine wird vorbereitet. Ihre Adressen erscheinen hier, sobald sie bereit ist.';
$lang['Infrafabric.state.provisioning'] = 'Wird vorbereitet';
$lang['Infrafabric.state.active'] = 'Aktiv';
$lang['Infrafabric.state.suspended'] = 'Gesperrt';
$lang['Infrafabric.state.terminated'] = 'Entfernt';
$lang['Infrafabric.state.failed'] = 'Fehlgeschlagen';
$lang['Infrafabric.power.on'] = 'An';
$lang['Infrafabric.power.off'] = 'Aus';
$lang['Infrafabric.power.unknown'] = 'Unbekannt';

// Reiter
$lang['Infrafabric.tab_server'] = 'Server';
$lang['Infrafabric.tab.stale'] = 'Der gegenwärtige Zustand ist gerade nicht zu lesen. Sie sehen den zuletzt bekannten; laden Sie die Seite später neu.';
$lang['Infrafabric.tab.actions'] = 'Aktionen';
$lang['Infrafabric.tab.confirm'] = 'Ja, jetzt ausführen';
$lang['Infrafabric.tab.reinstall_warning'] = 'Neu installieren löscht alles auf der Festplatte.';
$lang['Infrafabric.action.start'] = 'Starten';
$lang['Infrafabric.action.stop'] = 'Anhalten';
$lang['Infrafabric.action.reboot'] = 'Neu starten';
$lang['Infrafabric.action.reinstall'] = 'Neu installieren';
$lang['Infrafabric.action.undo_terminate'] = 'Kündigung zurücknehmen';
$lang['Infrafabric.!success.action'] = '%1$s wurde angenommen und wird ausgeführt.';

// Was der Abgleich den Mitarbeitern sagt
$lang['Infrafabric.sync.unknown_service'] = 'Die Bridge meldet eine Änderung am Dienstschlüssel %1$s, den kein Dienst dieser Bridge hat. Sie blieb liegen; wird gerade keine Bestellung angelegt, suchen Sie den Schlüssel bei der Bridge.';
$lang['Infrafabric.sync.activated'] = 'Dienst %1$s wurde aktiviert: Seine Maschine ist bereit.';
$lang['Infrafabric.sync.undone'] = 'Die Kündigung von Dienst %1$s wurde rechtzeitig zurückgenommen, sein Status steht wieder auf %2$s.';
$lang['Infrafabric.sync.failed'] = 'Der Vorgang %1$s endete ohne Erfolg: %2$s';
$lang['Infrafabric.sync.put_back'] = 'Der zuvor angenommene Vorgang %1$s ist am Ende gescheitert, der Status steht wieder auf %2$s. Grund: %3$s. Geben Sie den Befehl erneut, wenn der Grund behoben ist.';
$lang['Infrafabric.sync.refused'] = 'Blesta hat es nicht angenommen: %1$s';

// Fehler mit der Bridge
$lang['Infrafabric.!error.unexpected'] = 'Das InfraFabric-Modul traf auf einen unerwarteten Fehler (%1$s) und brach ab. Über den Ausgang lässt sich nichts sagen; derselbe Befehl darf gefahrlos noch einmal gegeben werden. Einzelheiten stehen im Modulprotokoll.';
$lang['Infrafabric.!error.unconfirmed'] = 'Die Bridge hat den Befehl nicht bestätigt (%1$s). Er kann noch ausgeführt werden; ihn zu wiederholen ist gefahrlos, und Blestas Cron tut es von selbst. Anfrage %2$s.';
$lang['Infrafabric.!error.in_progress'] = 'Der Befehl ist angenommen, aber noch nicht bestätigt. Rufen Sie ihn noch einmal auf: Wiederholen ist gefahrlos und tut nichts doppelt. Anfrage %2$s.';
$lang['Infrafabric.!error.failed'] = 'Der Vorgang ist gescheitert: %1$s In Blesta wurde nichts geändert; geben Sie den Befehl erneut, wenn der Grund behoben ist. Anfrage %2$s.';
$lang['Infrafabric.!error.refused'] = 'Die Bridge hat den Befehl abgelehnt: %1$s Es wurde nichts geändert; beheben Sie dies, bevor Sie ihn erneut geben. Anfrage %2$s.';
$lang['Infrafabric.!error.key_refused'] = 'Die Bridge nimmt den API-Schlüssel des Moduls hierfür nicht an (%1$s). Es wurde nichts geändert; tragen Sie unter Einstellungen, Module einen gültigen Schlüssel mit Umfang „module“ ein. Anfrage %2$s.';
$lang['Infrafabric.!error.bridge_away'] = 'Die Bridge war nicht zu erreichen (%1$s), daher wurden die Einstellungen weder geprüft noch gespeichert. Prüfen Sie die Adresse und ob die Bridge läuft, dann speichern Sie erneut. Anfrage %2$s.';
$lang['Infrafabric.!error.connection_count'] = 'Der Schlüssel erreicht %1$s Verbindungen der Bridge, eine Modulzeile braucht aber genau eine. Legen Sie einen Schlüssel mit Umfang „module“ für eine Verbindung an und tragen Sie diesen ein.';
$lang['Infrafabric.!error.connection_test'] = 'Die Bridge hat die Einstellungen, kann InfraFabric damit aber nicht benutzen: %1$s Berichtigen Sie die Einstellungen von InfraFabric und speichern Sie erneut.';
$lang['Infrafabric.!error.module_row'] = 'Die Bridge, zu der dieser Dienst gehört, fehlt in den Einstellungen des Moduls, daher kann niemand gefragt werden. Fügen Sie sie hinzu oder wählen Sie eine für das Paket.';
$lang['Infrafabric.!error.no_key'] = 'Der Dienst hat keinen gültigen InfraFabric-Dienstschlüssel (ifb_key). Das Modul kann nicht wissen, welche Maschine gemeint ist, und hat nichts getan. Legen Sie den Dienst neu an oder tun Sie dies ohne das Modul.';
$lang['Infrafabric.!error.unsupported_change'] = 'Art und Rechenzentrum einer Maschine lassen sich nicht ändern, daher wurde dieser Paketwechsel nicht ausgeführt. Wählen Sie ein Paket derselben Art und desselben Rechenzentrums oder bestellen Sie einen neuen Dienst.';

// Fehler in Eingaben
$lang['Infrafabric.!error.hostname'] = 'Geben Sie einen Hostnamen aus Buchstaben, Ziffern und Bindestrichen an, in Teilen von höchstens 63 Zeichen, durch Punkte getrennt, etwa web1.example.com.';
$lang['Infrafabric.!error.image'] = 'Dieses Betriebssystem wird für den Dienst nicht angeboten. Wählen Sie eines aus der Liste.';
$lang['Infrafabric.!error.ssh_key'] = 'Das ist kein öffentlicher OpenSSH-Schlüssel. Fügen Sie die ganze Zeile der .pub-Datei ein, einen Schlüssel je Zeile, höchstens 20.';
$lang['Infrafabric.!error.action'] = 'Das Formular war unvollständig, daher geschah nichts. Laden Sie die Seite neu und wählen Sie die Aktion noch einmal.';
$lang['Infrafabric.!error.confirm'] = 'Es geschah nichts, weil die Bestätigung fehlte. Setzen Sie das Häkchen neben der Aktion, um sie auszuführen.';
$lang['Infrafabric.!error.not_active'] = 'Der Dienst ist nicht aktiv, daher lässt sich seine Maschine hier nicht steuern.';
$lang['Infrafabric.!error.row_name'] = 'Geben Sie einen Namen von höchstens 64 Zeichen an.';
$lang['Infrafabric.!error.row_bridge_url'] = 'Geben Sie die https://-Adresse der Bridge an. Einfaches http:// geht nur für diese Maschine (127.0.0.1).';
$lang['Infrafabric.!error.row_bridge_key'] = 'Geben Sie den API-Schlüssel der Bridge mit Umfang „module“ an, ohne Leerzeichen.';
$lang['Infrafabric.!error.row_completion_mode'] = 'Wählen Sie, was geschieht, wenn eine Maschine länger braucht, als gewartet wird.';
$lang['Infrafabric.!error.row_wait_seconds'] = 'Geben Sie die Wartezeit in ganzen Sekunden von 0 bis 60 an.';
$lang['Infrafabric.!error.row_infrafabric_api_url'] = 'Geben Sie die Adresse der InfraFabric-API an, etwa https://api.infrafabric.example/v1.';
$lang['Infrafabric.!error.row_infrafabric_api_key'] = 'Geben Sie den Schlüssel der InfraFabric-API an, ohne Leerzeichen.';
$lang['Infrafabric.!error.row_default_datacenter'] = 'Geben Sie die Kennung eines Rechenzentrums an, wie InfraFabric es führt, oder lassen Sie das Feld leer.';
$lang['Infrafabric.!error.row_provisioning_timeout'] = 'Geben Sie in ganzen Sekunden von 1 bis 86400 an, wie lange das Anlegen einer Maschine dauern darf.';
$lang['Infrafabric.!error.row_webhook_secret'] = 'Geben Sie das Webhook-Geheimnis an, wie InfraFabric es zeigt, beginnend mit whsec_, oder lassen Sie das Feld leer.';
$lang['Infrafabric.!error.package_type'] = 'Wählen Sie VPS oder Container.';
$lang['Infrafabric.!error.package_plan'] = 'Geben Sie die Kennung eines Tarifs an, wie InfraFabric ihn führt.';
$lang['Infrafabric.!error.package_plan_or_sizes'] = 'Geben Sie entweder einen Tarif an oder CPUs, Arbeitsspeicher und Festplatte, nicht beides.';
$lang['Infrafabric.!error.package_cpus'] = 'Geben Sie ohne Tarif 1 bis 64 CPUs an.';
$lang['Infrafabric.!error.package_memory_mb'] = 'Geben Sie ohne Tarif 512 bis 262144 MiB Arbeitsspeicher an.';
$lang['Infrafabric.!error.package_disk_gb'] = 'Geben Sie ohne Tarif 5 bis 4000 GiB Festplatte an.';
$lang['Infrafabric.!error.package_image'] = 'Geben Sie die Kennung eines Abbilds an, wie InfraFabric es führt.';
$lang['Infrafabric.!error.package_image_choices'] = 'Geben Sie eine Abbild-Kennung je Zeile an, auf Wunsch mit Bezeichnung nach =.';
$lang['Infrafabric.!error.package_datacenter'] = 'Geben Sie die Kennung eines Rechenzentrums an, wie InfraFabric es führt, oder lassen Sie das Feld leer.';
$lang['Infrafabric.!error.package_limit_addresses'] = 'Geben Sie an, wie viele Adressen ein Dienst haben darf, 0 bis 256, oder lassen Sie das Feld leer.';
$lang['Infrafabric.!error.package_limit_volumes'] = 'Geben Sie an, wie viele Volumes ein Dienst haben darf, 0 bis 256, oder lassen Sie das Feld leer.';
$lang['Infrafabric.!error.package_limit_volume_gb'] = 'Geben Sie an, wie groß ein Volume sein darf, 1 bis 16000 GiB, oder lassen Sie das Feld leer.';
$lang['Infrafabric.!error.package_grace_hours'] = 'Geben Sie an, wie lange eine gekündigte Maschine aufgehoben wird, 0 bis 8760 Stunden, oder lassen Sie das Feld leer.';
