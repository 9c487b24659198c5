<?php

/**
 * English texts. An error says what happened, what it means and what to do.
 */

$lang['Infrafabric.name'] = 'InfraFabric';
$lang['Infrafabric.description'] = 'Sells VPS and containers on InfraFabric through the InfraFabric Bridge.';
$lang['Infrafabric.module_row'] = 'Bridge';
$lang['Infrafabric.module_row_plural'] = 'Bridges';
$lang['Infrafabric.module_group'] = 'Bridge Group';
$lang['Infrafabric.order_options.first'] = 'First bridge of the group';
$lang['Infrafabric.order_options.random'] = 'Any bridge of the group';
$lang['Infrafabric.cron.sync_name'] = 'InfraFabric Synchronisation';
$lang['Infrafabric.cron.sync_description'] = 'Fetches from the bridge what has changed and stores it with the services.';

// Module rows
$lang['Infrafabric.manage.heading'] = 'Bridges';
$lang['Infrafabric.manage.add'] = 'Add Bridge';
$lang['Infrafabric.manage.name'] = 'Name';
$lang['Infrafabric.manage.url'] = 'Bridge URL';
$lang['Infrafabric.manage.connection'] = 'Connection';
$lang['Infrafabric.manage.mode'] = 'Completion';
$lang['Infrafabric.manage.options'] = 'Options';
$lang['Infrafabric.manage.edit'] = 'Edit';
$lang['Infrafabric.manage.delete'] = 'Delete';
$lang['Infrafabric.manage.none'] = 'There are no bridges yet. Add one to sell InfraFabric machines.';
$lang['Infrafabric.add_row.heading'] = 'Add Bridge';
$lang['Infrafabric.edit_row.heading'] = 'Edit Bridge';
$lang['Infrafabric.row.bridge'] = 'Bridge';
$lang['Infrafabric.row.infrafabric'] = 'InfraFabric';
$lang['Infrafabric.row.name'] = 'Name';
$lang['Infrafabric.row.bridge_url'] = 'Bridge URL';
$lang['Infrafabric.row.bridge_key'] = 'Bridge API Key (scope "module")';
$lang['Infrafabric.row.completion_mode'] = 'When a machine needs longer than the wait';
$lang['Infrafabric.row.mode_activate'] = 'Activate the service, the rest follows';
$lang['Infrafabric.row.mode_pending'] = 'Leave the service pending until the machine is ready';
$lang['Infrafabric.row.wait_seconds'] = 'Wait (seconds, 0 to 60)';
$lang['Infrafabric.row.infrafabric_api_url'] = 'InfraFabric API URL';
$lang['Infrafabric.row.infrafabric_api_key'] = 'InfraFabric API Key';
$lang['Infrafabric.row.default_datacenter'] = 'Default Data Center';
$lang['Infrafabric.row.provisioning_timeout'] = 'Provisioning Timeout (seconds)';
$lang['Infrafabric.row.webhook_secret'] = 'Webhook Secret';
$lang['Infrafabric.row.keep'] = 'Stored. Leave empty to keep it.';
$lang['Infrafabric.row.save'] = 'Save';

// Packages
$lang['Infrafabric.package.type'] = 'Type';
$lang['Infrafabric.package.vps'] = 'VPS';
$lang['Infrafabric.package.container'] = 'Container';
$lang['Infrafabric.package.plan'] = 'Plan (or give the sizes below)';
$lang['Infrafabric.package.cpus'] = 'CPUs';
$lang['Infrafabric.package.memory_mb'] = 'Memory (MiB)';
$lang['Infrafabric.package.disk_gb'] = 'Disk (GiB)';
$lang['Infrafabric.package.image'] = 'Image';
$lang['Infrafabric.package.image_choices'] = 'Images the client may choose from';
$lang['Infrafabric.package.image_choices_help'] = 'One image id a line, with a label if you like: debian-12=Debian 12. Leave empty to always install the image above.';
$lang['Infrafabric.package.datacenter'] = 'Data Center (empty: the bridge\'s default)';
$lang['Infrafabric.package.limit_addresses'] = 'Addresses at most (empty: no limit)';
$lang['Infrafabric.package.limit_volumes'] = 'Volumes at most (empty: no limit)';
$lang['Infrafabric.package.limit_volume_gb'] = 'Largest volume (GiB, empty: no limit)';
$lang['Infrafabric.package.grace_hours'] = 'Keep a canceled machine for (hours, empty or 0: delete at once)';

// Services
$lang['Infrafabric.service.hostname'] = 'Hostname';
$lang['Infrafabric.service.image'] = 'Operating System';
$lang['Infrafabric.service.ssh_key'] = 'SSH Public Key';
$lang['Infrafabric.service.ssh_key_help'] = 'Optional. One public key a line, as in authorized_keys.';
$lang['Infrafabric.service.state'] = 'State';
$lang['Infrafabric.service.power'] = 'Power';
$lang['Infrafabric.service.ipv4'] = 'IPv4 Address';
$lang['Infrafabric.service.ipv6'] = 'IPv6 Address';
$lang['Infrafabric.service.ips'] = 'All Addresses';
$lang['Infrafabric.service.user'] = 'User Name';
$lang['Infrafabric.service.password'] = 'Password';
$lang['Infrafabric.service.plan'] = 'Plan';
$lang['Infrafabric.service.datacenter'] = 'Data Center';
$lang['Infrafabric.service.expires'] = 'Paid Until';
$lang['Infrafabric.service.key'] = 'Service Key';
$lang['Infrafabric.service.instance'] = 'InfraFabric Instance';
$lang['Infrafabric.service.operation'] = 'Last Operation';
$lang['Infrafabric.service.error'] = 'Last Error';
$lang['Infrafabric.service.notice'] = 'Notice';
$lang['Infrafabric.service.preparing'] = 'The machine is being prepared. Its addresses appear here when it is ready.';
$lang['Infrafabric.state.provisioning'] = 'Being prepared';
$lang['Infrafabric.state.active'] = 'Active';
$lang['Infrafabric.state.suspended'] = 'Suspended';
$lang['Infrafabric.state.terminated'] = 'Removed';
$lang['Infrafabric.state.failed'] = 'Failed';
$lang['Infrafabric.power.on'] = 'On';
$lang['Infrafabric.power.off'] = 'Off';
$lang['Infrafabric.power.unknown'] = 'Unknown';

// Tabs
$lang['Infrafabric.tab_server'] = 'Server';
$lang['Infrafabric.tab.stale'] = 'The present state cannot be read at the moment. What you see is the last one known; reload the page later.';
$lang['Infrafabric.tab.actions'] = 'Actions';
$lang['Infrafabric.tab.confirm'] = 'Yes, do this now';
$lang['Infrafabric.tab.reinstall_warning'] = 'Reinstalling deletes everything on the disk.';
$lang['Infrafabric.action.start'] = 'Start';
$lang['Infrafabric.action.stop'] = 'Stop';
$lang['Infrafabric.action.reboot'] = 'Reboot';
$lang['Infrafabric.action.reinstall'] = 'Reinstall';
$lang['Infrafabric.action.undo_terminate'] = 'Undo the cancellation';
$lang['Infrafabric.!success.action'] = '%1$s was accepted and is being carried out.';

// What the synchronisation tells staff
$lang['Infrafabric.sync.unknown_service'] = 'The bridge reports a change of service key %1$s, which no service of this bridge has. It was left alone; if no order is being added right now, look for the key at the bridge.';
$lang['Infrafabric.sync.activated'] = 'Service %1$s was activated: its machine is ready.';
$lang['Infrafabric.sync.undone'] = 'The cancellation of service %1$s was undone in time, so its status was set back to %2$s.';
$lang['Infrafabric.sync.failed'] = 'The operation %1$s ended without success: %2$s';
$lang['Infrafabric.sync.put_back'] = 'The %1$s accepted earlier failed in the end, so the status was set back to %2$s. Reason: %3$s. Give the command again when the reason is gone.';
$lang['Infrafabric.sync.refused'] = 'Blesta did not take it: %1$s';

// Errors with the bridge
$lang['Infrafabric.!error.unexpected'] = 'The InfraFabric module met an unexpected fault (%1$s) and stopped. Nothing can be said about the outcome; the same command may be given again safely. The module log has the details.';
$lang['Infrafabric.!error.unconfirmed'] = 'The bridge has not confirmed the command (%1$s). It may still be carried out; giving it again is safe, and Blesta\'s cron does so by itself. Request %2$s.';
$lang['Infrafabric.!error.in_progress'] = 'The command is accepted but not confirmed yet, call again: repeating it is safe and does nothing twice. Request %2$s.';
$lang['Infrafabric.!error.failed'] = 'The operation failed: %1$s Nothing was changed in Blesta; give the command again when the reason is gone. Request %2$s.';
$lang['Infrafabric.!error.refused'] = 'The bridge refused the command: %1$s Nothing was changed; correct this before you give it again. Request %2$s.';
$lang['Infrafabric.!error.key_refused'] = 'The bridge does not accept the module\'s API key for this (%1$s). Nothing was changed; enter a valid key of scope "module" for the bridge under Settings, Modules. Request %2$s.';
$lang['Infrafabric.!error.bridge_away'] = 'The bridge could not be reached (%1$s), so the settings could not be checked and were not saved. Check the URL and that the bridge is running, then save again. Request %2$s.';
$lang['Infrafabric.!error.connection_count'] = 'The key reaches %1$s connections of the bridge, but a module row needs exactly one. Create a key of scope "module" for one connection and enter that.';
$lang['Infrafabric.!error.connection_test'] = 'The bridge has the settings but cannot use InfraFabric with them: %1$s Correct the InfraFabric settings and save again.';
$lang['Infrafabric.!error.module_row'] = 'The bridge this service belongs to is missing from the module\'s settings, so nobody can be asked. Add it, or choose one for the package.';
$lang['Infrafabric.!error.no_key'] = 'The service has no valid InfraFabric service key (ifb_key), so the module cannot know which machine is meant and did nothing. Add the service anew, or do this without the module.';
$lang['Infrafabric.!error.unsupported_change'] = 'A machine\'s type and data center cannot be changed, so this package change is unsupported and was not made. Choose a package of the same type and data center, or order a new service.';

// Errors in what was entered
$lang['Infrafabric.!error.hostname'] = 'Enter a hostname of letters, digits and hyphens, in parts of at most 63 characters separated by dots, such as web1.example.com.';
$lang['Infrafabric.!error.image'] = 'This operating system is not offered for the service. Choose one from the list.';
$lang['Infrafabric.!error.ssh_key'] = 'This is no OpenSSH public key. Paste the whole line of the .pub file, one key a line, at most 20.';
$lang['Infrafabric.!error.action'] = 'The form was not complete, so nothing was done. Reload the page and choose the action again.';
$lang['Infrafabric.!error.confirm'] = 'Nothing was done, because the confirmation was missing. Tick the box beside the action to carry it out.';
$lang['Infrafabric.!error.not_active'] = 'The service is not active, so its machine cannot be controlled here.';
$lang['Infrafabric.!error.row_name'] = 'Enter a name of at most 64 characters.';
$lang['Infrafabric.!error.row_bridge_url'] = 'Enter the https:// address of the bridge. Plain http:// is accepted for this machine (127.0.0.1) only.';
$lang['Infrafabric.!error.row_bridge_key'] = 'Enter the bridge\'s API key of scope "module", without spaces.';
$lang['Infrafabric.!error.row_completion_mode'] = 'Choose what happens when a machine needs longer than the wait.';
$lang['Infrafabric.!error.row_wait_seconds'] = 'Enter how long to wait, in whole seconds from 0 to 60.';
$lang['Infrafabric.!error.row_infrafabric_api_url'] = 'Enter the address of InfraFabric\'s API, such as https://api.infrafabric.example/v1.';
$lang['Infrafabric.!error.row_infrafabric_api_key'] = 'Enter InfraFabric\'s API key, without spaces.';
$lang['Infrafabric.!error.row_default_datacenter'] = 'Enter the id of a data center as InfraFabric lists it, or leave it empty.';
$lang['Infrafabric.!error.row_provisioning_timeout'] = 'Enter how long creating a machine may take, in whole seconds from 1 to 86400.';
$lang['Infrafabric.!error.row_webhook_secret'] = 'Enter the webhook secret as InfraFabric shows it, starting with whsec_, or leave it empty.';
$lang['Infrafabric.!error.package_type'] = 'Choose VPS or container.';
$lang['Infrafabric.!error.package_plan'] = 'Enter the id of a plan as InfraFabric lists it.';
$lang['Infrafabric.!error.package_plan_or_sizes'] = 'Give either a plan or CPUs, memory and disk, not both.';
$lang['Infrafabric.!error.package_cpus'] = 'Without a plan, enter 1 to 64 CPUs.';
$lang['Infrafabric.!error.package_memory_mb'] = 'Without a plan, enter 512 to 262144 MiB of memory.';
$lang['Infrafabric.!error.package_disk_gb'] = 'Without a plan, enter 5 to 4000 GiB of disk.';
$lang['Infrafabric.!error.package_image'] = 'Enter the id of an image as InfraFabric lists it.';
$lang['Infrafabric.!error.package_image_choices'] = 'Enter one image id a line, with a label after = if you like.';
$lang['Infrafabric.!error.package_datacenter'] = 'Enter the id of a data center as InfraFabric lists it, or leave it empty.';
$lang['Infrafabric.!error.package_limit_addresses'] = 'Enter how many addresses a service may have, 0 to 256, or leave it empty.';
$lang['Infrafabric.!error.package_limit_volumes'] = 'Enter how many volumes a service may have, 0 to 256, or leave it empty.';
$lang['Infrafabric.!error.package_limit_volume_gb'] = 'Enter how large a volume may be, 1 to 16000 GiB, or leave it empty.';
$lang['Infrafabric.!error.package_grace_hours'] = 'Enter how long a canceled machine is kept, 0 to 8760 hours, or leave it empty.';
