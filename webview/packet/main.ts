import { adoptPageStyles } from '../common/theme.ts';
import './panel.ts';

adoptPageStyles();
